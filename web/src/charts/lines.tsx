// SPDX-License-Identifier: Apache-2.0
// Lines over time by uPlot. Drawn at most four times a second, only while in sight; redrawn when the
// colours change. Vertical marks show deploys and roll-backs.
import { useEffect, useRef } from 'preact/hooks';
import uPlot from 'uplot';
import { moment, num } from '../format';
import { lang } from '../i18n';
import { theme } from '../prefs';

export interface Series { label: string; values: (number | null)[]; color: string; fill?: boolean; dash?: number[] }
export interface Band { low: (number | null)[]; high: (number | null)[]; color: string }
export interface LinesProps { label: string; t: number[]; series: Series[]; bands?: Band[]; unit?: string; height?: number; top?: number; marks?: { t: number; text: string; color?: string }[] }

const token = (name: string) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

/* Single seconds with a value between empty ones need a point, a line would not show them. */
const sparse = (v: (number | null)[]) => v.includes(null) && v.filter((x) => x !== null).length <= 40;

const spanOf = (p: LinesProps) => (p.t.length ? p.t[p.t.length - 1]! - p.t[0]! : 0);

function make(el: HTMLElement, p: LinesProps, data: uPlot.AlignedData): uPlot {
  const bands = p.bands ?? [], n = p.series.length, hidden = { width: 0, points: { show: false } };
  const axis: uPlot.Axis = { stroke: token('--muted'), font: '11px system-ui, sans-serif', grid: { stroke: token('--grid'), width: 1 }, ticks: { show: false } };
  return new uPlot({
    width: Math.max(200, el.clientWidth), height: p.height ?? 180, legend: { show: false },
    cursor: { y: false, points: { size: 7 } }, padding: [10, 8, 0, 0],
    scales: { x: { time: true }, y: { range: (_u, _lo, hi) => [0, p.top ?? (hi > 0 ? hi * 1.15 : 1)] } },
    axes: [{ ...axis, size: 28, values: (_u, vs) => vs.map((v) => moment(v * 1000, spanOf(p))), space: 90 },
      { ...axis, size: 52, values: (_u, vs) => vs.map((v) => num(v, 3)) }],
    series: [{}, ...p.series.map((s): uPlot.Series => ({
      label: s.label, stroke: token(s.color), width: 1.75, dash: s.dash, points: { show: () => sparse(s.values), size: 5, fill: token(s.color) },
      fill: s.fill ? token(s.color + '-soft') || undefined : undefined,
    })), ...bands.flatMap((): uPlot.Series[] => [hidden, hidden])],
    bands: bands.map((b, i) => ({ series: [n + 2 * i + 2, n + 2 * i + 1] as [number, number], fill: token(b.color + '-soft') })),
    hooks: {
      draw: [(u) => {
        u.ctx.save();
        u.ctx.font = `${11 * devicePixelRatio}px system-ui, sans-serif`;
        let free = -Infinity; /* where the next text may begin */
        for (const m of p.marks ?? []) {
          u.ctx.strokeStyle = u.ctx.fillStyle = token(m.color ?? '--muted');
          const x = u.valToPos(m.t / 1000, 'x', true);
          if (x < u.bbox.left || x > u.bbox.left + u.bbox.width) continue;
          u.ctx.setLineDash([3, 3]);
          u.ctx.beginPath();
          u.ctx.moveTo(x, u.bbox.top);
          u.ctx.lineTo(x, u.bbox.top + u.bbox.height);
          u.ctx.stroke();
          const wide = u.ctx.measureText(m.text).width + 10, left = x + wide > u.bbox.left + u.bbox.width;
          if ((left ? x - wide : x) < free) continue;
          free = left ? x : x + wide;
          u.ctx.textAlign = left ? 'right' : 'left';
          u.ctx.fillText(m.text, left ? x - 5 : x + 5, u.bbox.top + 12 * devicePixelRatio);
        }
        u.ctx.restore();
      }],
    },
  }, data, el);
}

export function Lines(p: LinesProps) {
  const box = useRef<HTMLDivElement>(null), plot = useRef<uPlot | null>(null), readout = useRef<HTMLParagraphElement>(null);
  const at = useRef(-1);
  const data = [p.t.map((x) => x / 1000), ...p.series.map((s) => s.values), ...(p.bands ?? []).flatMap((b) => [b.low, b.high])] as uPlot.AlignedData;
  const look = `${theme.value} ${lang.value} ${p.bands?.length ?? 0} ${p.t.length > 1 && spanOf(p) > 86_400_000} ${p.series.map((s) => s.label).join()} ${p.marks?.map((m) => m.t).join()}`;
  useEffect(() => {
    const el = box.current!;
    const dark = matchMedia('(prefers-color-scheme: dark)');
    const again = () => { plot.current?.destroy(); plot.current = make(el, p, data); };
    again();
    dark.addEventListener('change', again);
    const ob = new ResizeObserver(() => plot.current && Math.abs(el.clientWidth - plot.current.width) > 1 && plot.current.setSize({ width: Math.max(200, el.clientWidth), height: p.height ?? 180 }));
    ob.observe(el);
    return () => { ob.disconnect(); dark.removeEventListener('change', again); plot.current?.destroy(); plot.current = null; };
  }, [look]);
  useEffect(() => {
    const seen = box.current!.getBoundingClientRect();
    if (!document.hidden && seen.bottom > 0 && seen.top < innerHeight) plot.current?.setData(data);
  });
  const say = (i: number) => {
    at.current = i;
    if (readout.current) readout.current.textContent = `${moment(p.t[i]!, spanOf(p))} · ${p.series.map((s) => `${s.label} ${num(s.values[i])}${p.unit ? ` ${p.unit}` : ''}`).join(' · ')}`;
    const u = plot.current;
    u?.setCursor({ left: u.valToPos(p.t[i]! / 1000, 'x'), top: 10 });
  };
  const key = (e: KeyboardEvent) => {
    if (!/^Arrow(Left|Right)$|^Home$|^End$/.test(e.key) || !p.t.length) return;
    e.preventDefault();
    const last = p.t.length - 1, now = at.current < 0 ? last : at.current;
    say(e.key === 'Home' ? 0 : e.key === 'End' ? last : Math.min(last, Math.max(0, now + (e.key === 'ArrowRight' ? 1 : -1))));
  };
  return (
    <div class="chart">
      <div ref={box} class="uplot-box" role="img" aria-label={p.label} tabIndex={0} onKeyDown={key} />
      {p.series.length > 1 && <ul class="legend" aria-hidden="true">{p.series.map((s) => <li key={s.label}><svg width="18" height="8"><path class={`legend-${s.color.slice(2)}`} d="M0 4H18" stroke-dasharray={s.dash?.join(' ')} /></svg>{s.label}</li>)}</ul>}
      <p class="readout num" aria-live="polite" ref={readout}>{'\u00a0'}</p>
    </div>
  );
}
