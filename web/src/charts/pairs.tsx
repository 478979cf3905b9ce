// SPDX-License-Identifier: Apache-2.0
// Two distributions over the same cells, as pairs of bars: the reference behind, the window before it.
// Cells of numbers hold about equal shares of the reference, so that what stands out is what moved.
import { useState } from 'preact/hooks';
import { percent } from '../format';
import { t } from '../i18n';
import { ticks, useWidth } from './marks';

export interface Pair { label: string; reference: number; current: number; outside?: boolean }

export function Pairs({ cells, label, height = 260 }: { cells: Pair[]; label: string; height?: number }) {
  const [box, w] = useWidth(), [at, setAt] = useState<number | null>(null), L = 46, R = 8, T = 12, B = 40, n = Math.max(1, cells.length);
  const hi = Math.max(1e-9, ...cells.flatMap((c) => [c.reference, c.current])) * 1.08, y = (v: number) => T + (1 - v / hi) * (height - T - B), step = (w - L - R) / n, x = (i: number) => L + i * step;
  const bar = (i: number, v: number, wide: number) => (v > 0 ? `M${(x(i) + (step - wide) / 2).toFixed(1)} ${y(0)}V${y(v).toFixed(1)}h${wide.toFixed(1)}V${y(0)}z` : '');
  const path = (pick: (c: Pair) => number, part: number, out: boolean) => cells.map((c, i) => (!!c.outside === out ? bar(i, pick(c), step * part) : '')).join('');
  const every = Math.max(1, Math.ceil(n / Math.max(2, Math.floor((w - L) / 64))));
  const key = (e: KeyboardEvent) => {
    if (!/^Arrow(Left|Right)$|^Home$|^End$/.test(e.key)) return;
    e.preventDefault();
    setAt(e.key === 'Home' ? 0 : e.key === 'End' ? n - 1 : Math.max(0, Math.min(n - 1, (at ?? (e.key === 'ArrowRight' ? -1 : n)) + (e.key === 'ArrowRight' ? 1 : -1))));
  };
  const move = (e: PointerEvent) => { const i = Math.floor((e.clientX - (e.currentTarget as Element).getBoundingClientRect().left - L) / step); setAt(i >= 0 && i < n ? i : null); };
  const c = at === null ? null : cells[at];
  return (
    <div class="chart pairs" ref={box}>
      <svg width={w} height={height} role="img" aria-label={label} tabIndex={0} onKeyDown={key} onPointerMove={move} onPointerLeave={() => setAt(null)} onBlur={() => setAt(null)}>
        {ticks(0, hi, 4).map((v) => <g key={v}><path class="gridline" d={`M${L} ${y(v)}H${w - R}`} /><text class="axis" x={L - 6} y={y(v) + 4} text-anchor="end">{percent(v, 1)}</text></g>)}
        {c && <rect class="pair-at" x={x(at!)} y={T} width={step} height={height - T - B} />}
        <path class="pair-ref" d={path((p) => p.reference, 0.92, false) + path((p) => p.reference, 0.92, true)} />
        <path class="pair-now" d={path((p) => p.current, 0.5, false)} /><path class="pair-out" d={path((p) => p.current, 0.5, true)} />
        {cells.map((p, i) => (i % every === 0 || n <= 8 ? <text key={i} class="axis" x={x(i) + step / 2} y={height - B + 16} text-anchor="middle">{p.label.length > 10 ? `${p.label.slice(0, 9)}…` : p.label}</text> : null))}
      </svg>
      <ul class="legend" aria-hidden="true"><li><span class="swatch pair-ref" />{t('reference')}</li><li><span class="swatch pair-now" />{t('this window')}</li><li><span class="swatch pair-out" />{t('out of range or unseen')}</li></ul>
      <p class="readout num" aria-live="polite">{c ? `${c.label} · ${t('reference')} ${percent(c.reference, 2)} · ${t('this window')} ${percent(c.current, 2)}` : '\u00a0'}</p>
    </div>
  );
}
