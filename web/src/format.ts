// SPDX-License-Identifier: Apache-2.0
// Numbers, times and sizes as people read them, by Intl in the page's language.
import { lang, t } from './i18n';
import { utc } from './prefs';

const cache = new Map<string, Intl.NumberFormat>();
function nf(options: Intl.NumberFormatOptions): Intl.NumberFormat {
  const key = lang.value + JSON.stringify(options);
  let f = cache.get(key);
  if (!f) cache.set(key, (f = new Intl.NumberFormat(lang.value, options)));
  return f;
}

/* Four significant digits; very small and very large in scientific form. The full value goes in a title. */
export function num(v: unknown, digits = 4): string {
  if (v === null || v === undefined || v === '') return '–';
  const x = typeof v === 'number' ? v : Number(v);
  if (!Number.isFinite(x)) return typeof v === 'number' ? (Number.isNaN(x) ? 'NaN' : x > 0 ? '∞' : '−∞') : String(v);
  const a = Math.abs(x);
  if (a !== 0 && (a < 1e-4 || a >= 1e9)) {
    const text = x.toExponential(2);
    return text.replace('-', '−').replace(/e[+]?/, '×10^').replace(/\^(.+)$/, (_, e: string) => sup(e));
  }
  if (Number.isInteger(x) && a < 1e9) return minus(nf({}).format(x));
  return minus(nf({ maximumSignificantDigits: a >= 10 ** digits ? Math.ceil(Math.log10(a)) : digits }).format(x));
}

/* The sign that has the width of a digit. */
const minus = (text: string) => text.replace('-', '−');

function sup(text: string): string {
  return [...text].map((c) => (c === '-' || c === '−' ? '⁻' : '⁰¹²³⁴⁵⁶⁷⁸⁹'[Number(c)] ?? c)).join('');
}

/* A number, or null where the API says "NaN" or nothing. */
export const known = (v: unknown): number | null => (typeof v === 'number' && Number.isFinite(v) ? v : null);

export const int = (v: number | null | undefined) => (v === null || v === undefined ? '–' : nf({}).format(v));
export const percent = (v: number | null | undefined, digits = 1) =>
  v === null || v === undefined || !Number.isFinite(v) ? '–' : nf({ style: 'percent', maximumFractionDigits: digits }).format(v);

export function pvalue(p: number | null | undefined): string {
  if (p === null || p === undefined) return '–';
  return p < 1e-4 ? '< 0.0001' : nf({ minimumFractionDigits: 4, maximumFractionDigits: 4 }).format(p);
}

export function ms(v: number | null | undefined): string {
  if (v === null || v === undefined) return '–';
  if (v < 1) return t('{n} µs', { n: num(v * 1000, 3) });
  if (v < 1000) return t('{n} ms', { n: num(v, 3) });
  if (v < 60_000) return t('{n} s', { n: num(v / 1000, 3) });
  if (v < 3_600_000) return t('{m} min {s} s', { m: Math.floor(v / 60_000), s: Math.round((v % 60_000) / 1000) });
  return t('{h} h {m} min', { h: Math.floor(v / 3_600_000), m: Math.round((v % 3_600_000) / 60_000) });
}

export function bytes(v: number | null | undefined): string {
  if (v === null || v === undefined) return '–';
  if (v < 1000) return `${int(v)} B`;
  const units = ['kB', 'MB', 'GB', 'TB'];
  let x = v, u = -1;
  do { x /= 1000; u++; } while (x >= 1000 && u < units.length - 1);
  return `${num(x, 3)} ${units[u]}`;
}

export function ago(time: number | null | undefined, now = Date.now()): string {
  if (!time) return '–';
  const s = Math.round((time - now) / 1000);
  const f = new Intl.RelativeTimeFormat(lang.value, { numeric: 'auto', style: 'short' });
  const a = Math.abs(s);
  if (a < 60) return f.format(s, 'second');
  if (a < 3600) return f.format(Math.trunc(s / 60), 'minute');
  if (a < 86_400) return f.format(Math.trunc(s / 3600), 'hour');
  if (a < 30 * 86_400) return f.format(Math.trunc(s / 86_400), 'day');
  return new Intl.DateTimeFormat(lang.value, { dateStyle: 'medium', timeZone: utc.value ? 'UTC' : undefined }).format(time);
}

export function stamp(time: number | null | undefined): string {
  if (!time) return '–';
  return new Intl.DateTimeFormat(lang.value, {
    year: 'numeric', month: 'short', day: 'numeric', hour: '2-digit', minute: '2-digit', second: '2-digit',
    hourCycle: 'h23', timeZone: utc.value ? 'UTC' : undefined, timeZoneName: 'short',
  }).format(time);
}

export const clock = (time: number) => new Intl.DateTimeFormat(lang.value, {
  hour: '2-digit', minute: '2-digit', second: '2-digit', hourCycle: 'h23', timeZone: utc.value ? 'UTC' : undefined,
}).format(time);

/* A moment on an axis or in a list, as fine as the span of it asks for. */
export const moment = (time: number, span: number) => (span < 86_400_000 ? clock(time) : new Intl.DateTimeFormat(lang.value, {
  month: 'short', day: 'numeric', ...(span < 30 * 86_400_000 ? { hour: '2-digit', minute: '2-digit', hourCycle: 'h23' } : {}), timeZone: utc.value ? 'UTC' : undefined,
}).format(time));

export const short = (hex: string | null | undefined, n = 8) => (hex ? hex.replace(/^sha256[:-]/, '').slice(0, n) : '–');

/* Any JSON value as one line of text. */
export function plain(v: unknown): string {
  if (v === null || v === undefined) return '–';
  if (typeof v === 'number') return num(v);
  if (typeof v === 'string') return v;
  if (typeof v === 'boolean') return String(v);
  return JSON.stringify(v);
}
