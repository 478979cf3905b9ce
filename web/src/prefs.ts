// SPDX-License-Identifier: Apache-2.0
// What a person chose for display: theme, language, time zone. Kept in cookies of this path, because
// the page shell reads theme and language to paint the first frame right.
import { signal } from '@preact/signals';
import { base } from './base';
import { lang, setLang, type Lang } from './i18n';

export type Theme = 'auto' | 'light' | 'dark';
export const theme = signal<Theme>('auto');
export const utc = signal(false);

function cookie(name: string): string | null {
  const hit = document.cookie.split('; ').find((c) => c.startsWith(name + '='));
  return hit ? decodeURIComponent(hit.slice(name.length + 1)) : null;
}

function remember(name: string, value: string): void {
  document.cookie = `${name}=${encodeURIComponent(value)}; path=${base || '/'}; max-age=31536000; SameSite=Lax`;
}

function applyTheme(to: Theme): void {
  theme.value = to;
  if (to === 'auto') delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = to;
}

export function setTheme(to: Theme): void {
  applyTheme(to);
  remember('slipway_theme', to);
}

export async function chooseLang(to: Lang): Promise<void> {
  await setLang(to);
  remember('slipway_lang', to);
}

export function setUtc(on: boolean): void {
  utc.value = on;
  remember('slipway_utc', on ? '1' : '0');
}

/* True while the page shows dark colours, whoever decided it; charts on canvas ask. */
export function isDark(): boolean {
  return theme.value === 'dark' || (theme.value === 'auto' && matchMedia('(prefers-color-scheme: dark)').matches);
}

export async function loadPrefs(): Promise<void> {
  const th = cookie('slipway_theme');
  applyTheme(th === 'dark' || th === 'light' ? th : 'auto');
  utc.value = cookie('slipway_utc') === '1';
  const want = cookie('slipway_lang') ?? (navigator.languages.some((l) => /^zh\b/i.test(l) && l === navigator.languages[0]) ? 'zh-CN' : 'en');
  if (want === 'zh-CN' && lang.value !== 'zh-CN') await setLang('zh-CN');
}
