// SPDX-License-Identifier: Apache-2.0
// Our own SVG marks. A thousand points are one path of round dots, so that a page stays within its
// node budget. Arrow keys walk the points of a focused chart and read them out.
import { useLayoutEffect, useRef, useState } from 'preact/hooks';
import { num } from '../format';
import { t } from '../i18n';

/* About n round numbers covering lo..hi. */
export function ticks(lo: number, hi: number, n = 5): number[] {
  if (!(hi > lo)) return [lo];
  const raw = (hi - lo) / n, mag = 10 ** Math.floor(Math.log10(raw));
  const step = [1, 2, 2.5, 5, 10].map((s) => s * mag).find((s) => s >= raw) ?? mag * 10;
  const out: number[] = [];
  for (let v = Math.ceil(lo / step) * step; v <= hi + step * 1e-9; v += step) out.push(Math.abs(v) < step * 1e-9 ? 0 : v);
  return out;
}

export function extent(xs: (number | null | undefined)[]): [number, number] {
  let lo = Infinity, hi = -Infinity;
  for (const x of xs) if (typeof x === 'number' && Number.isFinite(x)) { if (x < lo) lo = x; if (x > hi) hi = x; }
  return lo <= hi ? [lo, hi] : [0, 1];
}

/* The width of the element, kept up to date. */
export function useWidth(fallback = 480) {
  const ref = useRef<HTMLDivElement>(null);
  const [w, set] = useState(fallback);
  useLayoutEffect(() => {
    if (!ref.current) return;
    set(ref.current.clientWidth || fallback);
    const ob = new ResizeObserver((es) => { const x = es[0]?.contentRect.width; if (x && Math.abs(x - w) > 1) set(Math.round(x)); });
    ob.observe(ref.current);
    return () => ob.disconnect();
  }, []);
  return [ref, w] as const;
}

export interface DotsProps {
  label: string; x: number[]; y: number[]; xLabel: string; yLabel: string;
  line?: 'zero' | 'diagonal'; height?: number;
}

/* Scatter: residuals over fitted, QQ. `line` draws the reference that perfect data would follow. */
export function Dots({ label, x, y, xLabel, yLabel, line, height = 260 }: DotsProps) {
  const [box, w] = useWidth();
  const [at, setAt] = useState<number | null>(null);
  const order = [...x.keys()].sort((a, b) => x[a]! - x[b]!);
  const L = 52, R = 12, T = 10, B = 38;
  let [x0, x1] = extent(x), [y0, y1] = extent(y);
  if (line === 'zero') { const m = Math.max(Math.abs(y0), Math.abs(y1)); y0 = -m; y1 = m; }
  const px = (x1 - x0 || 1) * 0.03, py = (y1 - y0 || 1) * 0.05;
  x0 -= px; x1 += px; y0 -= py; y1 += py;
  const sx = (v: number) => L + ((v - x0) / (x1 - x0)) * (w - L - R), sy = (v: number) => T + ((y1 - v) / (y1 - y0)) * (height - T - B);
  const path = x.map((v, i) => `M${sx(v).toFixed(1)} ${sy(y[i]!).toFixed(1)}h0`).join('');
  let ref = '';
  if (line === 'zero') ref = `M${L} ${sy(0)}H${w - R}`;
  if (line === 'diagonal') {
    /* through the quartiles, as usual for a normal plot */
    const xs = [...x].sort((a, b) => a - b), ys = [...y].sort((a, b) => a - b), n = xs.length;
    const q = (v: number[], f: number) => v[Math.floor(f * (n - 1))] ?? 0;
    const slope = (q(ys, 0.75) - q(ys, 0.25)) / (q(xs, 0.75) - q(xs, 0.25) || 1), mid = q(ys, 0.25) - slope * q(xs, 0.25);
    const ends = [x0, x1].map((v) => ({ px: sx(v), py: sy(mid + slope * v) }));
    ref = `M${ends[0]!.px} ${ends[0]!.py}L${ends[1]!.px} ${ends[1]!.py}`;
  }
  const key = (e: KeyboardEvent) => {
    if (!/^Arrow(Left|Right)$|^Home$|^End$/.test(e.key) || !order.length) return;
    e.preventDefault();
    const pos = at === null ? -1 : order.indexOf(at), last = order.length - 1;
    const next = e.key === 'Home' ? 0 : e.key === 'End' ? last : Math.min(last, Math.max(0, pos + (e.key === 'ArrowRight' ? 1 : -1)));
    setAt(order[next]!);
  };
  const move = (e: PointerEvent) => {
    const r = (e.currentTarget as Element).getBoundingClientRect(), mx = e.clientX - r.left, my = e.clientY - r.top;
    let best = -1, d = 900;
    x.forEach((v, i) => { const q = (sx(v) - mx) ** 2 + (sy(y[i]!) - my) ** 2; if (q < d) { d = q; best = i; } });
    setAt(best < 0 ? null : best);
  };
  const clip = `clip-${label.length}-${Math.round(w)}-${height}`;
  return (
    <div class="chart" ref={box}>
      <svg width={w} height={height} role="img" aria-label={label} tabIndex={0} onKeyDown={key} onPointerMove={move} onPointerLeave={() => setAt(null)} onBlur={() => setAt(null)}>
        <clipPath id={clip}><rect x={L} y={T} width={Math.max(0, w - L - R)} height={height - T - B} /></clipPath>
        {ticks(y0, y1).map((v) => <g key={`y${v}`}><path class="gridline" d={`M${L} ${sy(v)}H${w - R}`} /><text class="axis" x={L - 8} y={sy(v) + 4} text-anchor="end">{num(v, 3)}</text></g>)}
        {ticks(x0, x1, w < 400 ? 3 : 6).map((v) => <text key={`x${v}`} class="axis" x={sx(v)} y={height - B + 18} text-anchor="middle">{num(v, 3)}</text>)}
        <text class="axis-title" x={(L + w - R) / 2} y={height - 4} text-anchor="middle">{xLabel}</text>
        <text class="axis-title" transform={`translate(12 ${(T + height - B) / 2}) rotate(-90)`} text-anchor="middle">{yLabel}</text>
        <g clip-path={`url(#${clip})`}>{ref && <path class="reference" d={ref} />}<path class="dots" d={path} /></g>
        {at !== null && <circle class="cursor" cx={sx(x[at]!)} cy={sy(y[at]!)} r={5} />}
      </svg>
      <p class="readout num" aria-live="polite">{at === null ? '\u00a0' : `${xLabel} ${num(x[at])} · ${yLabel} ${num(y[at])}`}</p>
    </div>
  );
}

/* Small histogram of a column header. */
export function HeaderHistogram({ counts, label, height = 44 }: { counts: number[]; label: string; height?: number }) {
  const top = Math.max(1, ...counts), n = counts.length || 1;
  const bars = counts.map((c, i) => (c ? `M${(i + 0.5) * (100 / n)} ${height}V${(height - Math.max(1.5, (c / top) * (height - 2))).toFixed(1)}` : '')).join('');
  return (
    <svg class="mini-hist" viewBox={`0 0 100 ${height}`} preserveAspectRatio="none" role="img" aria-label={label}>
      <path class="bars" d={bars} stroke-width={Math.max(0.8, 100 / n - (n > 30 ? 0.4 : 1))} />
    </svg>
  );
}

export function Sparkline({ values, label, width = 140, height = 32 }: { values: (number | null)[]; label: string; width?: number; height?: number }) {
  const [lo0, hi] = extent(values), lo = Math.min(0, lo0), n = Math.max(1, values.length - 1);
  const y = (v: number) => height - 2 - ((v - lo) / (hi - lo || 1)) * (height - 4);
  let d = '', pen = false;
  values.forEach((v, i) => { if (v === null) { pen = false; return; } d += `${pen ? 'L' : 'M'}${((i / n) * width).toFixed(1)} ${y(v).toFixed(1)}`; pen = true; });
  return <svg class="spark" viewBox={`0 0 ${width} ${height}`} preserveAspectRatio="none" role="img" aria-label={label}><path d={d} vector-effect="non-scaling-stroke" /></svg>;
}

/* An interval with its estimate, or a bar from zero, on a shared scale with a line at zero. */
export function IntervalMark({ value, low, high, lo, hi, bar }: { value: number; low: number; high: number; lo: number; hi: number; bar?: boolean }) {
  const W = 160, x = (v: number) => 4 + ((v - lo) / (hi - lo || 1)) * (W - 8);
  const crosses = !bar && low <= 0 && high >= 0;
  return (
    <svg class={`interval-mark${crosses ? ' weak' : ''}`} width={W} height={18} viewBox={`0 0 ${W} 18`} aria-hidden="true" focusable="false">
      <path class="zero" d={`M${x(Math.min(hi, Math.max(lo, 0)))} 0V18`} />
      <path class={bar ? 'span bar' : 'span'} d={`M${x(low)} 9H${x(high)}`} />{!bar && <circle cx={x(value)} cy={9} r={3.5} />}
    </svg>
  );
}

/* What moved one prediction away from the average: bars to both sides, largest first. */
export function Contributions({ base, prediction, items }: { base: number; prediction: number; items: { name: string; value: unknown; contribution: number }[] }) {
  const sorted = [...items].sort((a, b) => Math.abs(b.contribution) - Math.abs(a.contribution));
  const top = Math.max(1e-300, ...sorted.map((c) => Math.abs(c.contribution)));
  return (
    <div class="contributions">
      <p class="muted">{t('Average {base} → this prediction {prediction}', { base: num(base), prediction: num(prediction) })}</p>
      <ul>
        {sorted.slice(0, 20).map((c) => (
          <li key={c.name}>
            <span class="c-name">{c.name} <span class="muted num">= {typeof c.value === 'number' ? num(c.value) : String(c.value ?? '–')}</span></span>
            <svg viewBox="0 0 200 14" preserveAspectRatio="none" aria-hidden="true" focusable="false">
              <path class="zero" d="M100 0V14" />
              <rect class={c.contribution < 0 ? 'neg' : 'pos'} x={c.contribution < 0 ? 100 - (-c.contribution / top) * 96 : 100} y={2} width={Math.max(0.5, (Math.abs(c.contribution) / top) * 96)} height={10} rx={1.5} />
            </svg>
            <span class="num right">{c.contribution > 0 ? '+' : ''}{num(c.contribution)}</span>
          </li>
        ))}
      </ul>
    </div>
  );
}
