// SPDX-License-Identifier: Apache-2.0
// Messages: t(key, {names}). The key is the English text; other languages are
// loaded as a chunk when chosen. ICU subset: {name} and {n, plural, one {…} other {…}}, # = the number.
import { signal } from '@preact/signals';
import enTable from '../i18n/en.json';

export type Lang = 'en' | 'zh-CN';
type Table = Record<string, string>;
const table = signal<Table>(enTable as Table);
export const lang = signal<Lang>('en');

export const msg = (key: string) => key; /* marks a key for the check; translate later with t() */

/* Replaces {names} and plural groups; braces of plural branches may not nest further groups. */
function format(text: string, vars: Record<string, unknown>): string {
  const plural = text.replace(/\{(\w+), plural, ((?:\w+ \{[^{}]*\} ?)+)\}/g, (_, name: string, rules: string) => {
    const n = Number(vars[name]);
    const pick = new Intl.PluralRules(lang.value).select(n);
    const branch = new RegExp(`\\b${pick} \\{([^{}]*)\\}`).exec(rules) ?? /other \{([^{}]*)\}/.exec(rules);
    return (branch?.[1] ?? '').replace('#', n.toLocaleString(lang.value));
  });
  return plural.replace(/\{(\w+)\}/g, (whole, name: string) => (name in vars ? String(vars[name]) : whole));
}

export function t(key: string, vars?: Record<string, unknown>): string {
  const text = table.value[key] || key;
  return vars ? format(text, vars) : text;
}

/* Switches the language, remembers it in a cookie so that the page shell comes in it next time. */
export async function setLang(to: Lang): Promise<void> {
  const next = to === 'zh-CN' ? ((await import('../i18n/zh-CN.json')).default as Table) : (enTable as Table);
  table.value = next;
  lang.value = to;
  document.documentElement.lang = to;
}
