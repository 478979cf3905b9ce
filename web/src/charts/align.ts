// SPDX-License-Identifier: Apache-2.0
// Series of many runs on one x axis: exactly when they share few x values, else by buckets that keep
// least, greatest and last of each, so that no spike is lost. Smoothing by a debiased moving average.
import type { MetricSeries } from '../types';

export type XKind = 'step' | 'time';
export interface Aligned { xs: number[]; ys: (number | null)[][]; low: number; high: number }

const EXACT_MAX = 3000, BUCKETS = 700;

const xOf = (s: MetricSeries, i: number, kind: XKind) => (kind === 'step' ? s.steps[i]! : (s.times_ms[i]! - (s.start_time_ms ?? s.times_ms[0]!)) / 1000);

export function align(list: MetricSeries[], kind: XKind): Aligned {
  const seen = new Set<number>();
  let lo = Infinity, hi = -Infinity, low = Infinity, high = -Infinity;
  for (const s of list) for (let i = 0; i < s.values.length; i++) {
    const x = xOf(s, i, kind), v = s.values[i];
    if (seen.size <= EXACT_MAX) seen.add(x);
    lo = Math.min(lo, x); hi = Math.max(hi, x);
    if (v !== null && v !== undefined) { low = Math.min(low, v); high = Math.max(high, v); }
  }
  if (seen.size <= EXACT_MAX) {
    const xs = [...seen].sort((a, b) => a - b), at = new Map(xs.map((x, i) => [x, i]));
    return { xs, low, high, ys: list.map((s) => { const y = new Array<number | null>(xs.length).fill(null); for (let i = 0; i < s.values.length; i++) y[at.get(xOf(s, i, kind))!] = s.values[i] ?? null; return y; }) };
  }
  const wide = (hi - lo) / BUCKETS || 1, xs = Array.from({ length: BUCKETS * 3 }, (_, i) => lo + (wide * (i + 0.5)) / 3);
  return { xs, low, high, ys: list.map((s) => {
    const y = new Array<number | null>(xs.length).fill(null);
    const order = kind === 'step' ? s.values.map((_, i) => i) : s.values.map((_, i) => i).sort((a, b) => xOf(s, a, kind) - xOf(s, b, kind));
    for (let k = 0; k < order.length;) {
      const bucket = Math.min(BUCKETS - 1, Math.floor((xOf(s, order[k]!, kind) - lo) / wide));
      let least = -1, most = -1, last = -1;
      for (; k < order.length && Math.min(BUCKETS - 1, Math.floor((xOf(s, order[k]!, kind) - lo) / wide)) === bucket; k++) {
        const v = s.values[order[k]!];
        if (v === null || v === undefined) continue;
        if (least < 0 || v < s.values[order[least]!]!) least = k;
        if (most < 0 || v > s.values[order[most]!]!) most = k;
        last = k;
      }
      [...new Set([least, most, last])].filter((i) => i >= 0).sort((a, b) => a - b).forEach((i, n) => { y[bucket * 3 + n] = s.values[order[i]!]!; });
    }
    return y;
  }) };
}

export function smooth(y: (number | null)[], weight: number): (number | null)[] {
  let mean = 0, mass = 0;
  return y.map((v) => {
    if (v === null) return null;
    mean = weight * mean + (1 - weight) * v;
    mass = weight * mass + (1 - weight);
    return mean / mass;
  });
}
