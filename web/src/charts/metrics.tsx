// SPDX-License-Identifier: Apache-2.0
// Charts of metrics over steps or time, for one run or many: fetched when in sight, thinned by the
// server, drawn by uPlot, the cursor shared by all charts of the page. The way of drawing is in the URL.
import { useEffect, useMemo, useRef, useState } from 'preact/hooks';
import uPlot from 'uplot';
import { get } from '../api';
import { int, ms, num } from '../format';
import { lang, t } from '../i18n';
import { ANY_RUN, connected, onEvent } from '../live';
import { theme } from '../prefs';
import { route, seg, setQuery } from '../router';
import type { MetricSeries } from '../types';
import { Empty } from '../ui/bits';
import { Figure } from '../ui/figure';
import { align, smooth, type Aligned, type XKind } from './align';

const RUNS_MAX = 100, SHOWN = 12, POLL = 3000, HINTED = 1000, LEGEND_MAX = 12;
const token = (name: string) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
const dashes: (number[] | undefined)[] = [undefined, [7, 4], [2, 3], [10, 3, 2, 3]];
const look = (i: number) => ({ color: `--series-${(i % 5) + 1}`, dash: dashes[Math.floor(i / 5) % dashes.length] });

interface Style { x: XKind; log: boolean; smooth: number }

function draw(el: HTMLElement, data: Aligned, series: MetricSeries[], style: Style, tell: (i: number, nearest: number) => void): uPlot {
  const axis: uPlot.Axis = { stroke: token('--muted'), font: '11px system-ui, sans-serif', grid: { stroke: token('--grid'), width: 1 }, ticks: { show: false } };
  const log = style.log && data.low > 0, clean = (y: (number | null)[]) => (style.log && !log ? y : y);
  const few = data.xs.length <= 60, lines: uPlot.Series[] = [], rows: (number | null)[][] = [];
  series.forEach((s, i) => {
    const { color, dash } = look(i), stroke = token(color), y = clean(data.ys[i]!);
    if (style.smooth > 0) {
      lines.push({ label: `${s.name} raw`, stroke: `${stroke}40`, width: 1, spanGaps: true, points: { show: false } });
      rows.push(y);
    }
    lines.push({ label: s.name, stroke, width: series.length > 20 ? 1 : 1.75, dash, spanGaps: true, points: { show: few, size: 5, fill: stroke } });
    rows.push(style.smooth > 0 ? smooth(y, style.smooth) : y);
  });
  return new uPlot({
    width: Math.max(200, el.clientWidth - 14), height: 240, legend: { show: false }, padding: [10, 10, 0, 0],
    cursor: { y: false, sync: { key: 'metrics', setSeries: false }, points: { show: series.length <= 12, size: 6 }, drag: { x: true, y: false } },
    scales: { x: { time: false }, y: log ? { distr: 3 } : {} },
    axes: [{ ...axis, size: 28, values: (_u, v) => v.map((x) => (style.x === 'time' ? ms(x * 1000) : num(x))), space: 80 }, { ...axis, size: 58, values: (_u, v) => v.map((x) => (x === null ? '' : num(x, 3))) }],
    series: [{}, ...lines],
    hooks: { setCursor: [(u) => {
      const i = u.cursor.idx ?? -1;
      if (i < 0) return;
      let best = -1, gap = Infinity;
      if (series.length > 8) series.forEach((_, k) => {
        const v = data.ys[k]![i];
        if (v === null || v === undefined) return;
        const d = Math.abs(u.valToPos(v, 'y') - (u.cursor.top ?? 0));
        if (d < gap) { gap = d; best = k; }
      });
      tell(i, best);
    }] },
  }, [data.xs, ...rows] as uPlot.AlignedData, el);
}

function Plot({ label, series, data, style }: { label: string; series: MetricSeries[]; data: Aligned; style: Style }) {
  const box = useRef<HTMLDivElement>(null), plot = useRef<uPlot | null>(null), line = useRef<HTMLParagraphElement>(null), at = useRef(-1);
  const x = (i: number) => (style.x === 'time' ? ms(data.xs[i]! * 1000) : t('step {n}', { n: num(data.xs[i]) }));
  const tell = (i: number, nearest: number) => {
    at.current = i;
    const which = nearest >= 0 ? [nearest] : series.map((_, k) => k).slice(0, 8);
    if (line.current) line.current.textContent = `${x(i)} · ${which.filter((k) => data.ys[k]![i] !== null).map((k) => `${series.length > 1 ? `${series[k]!.name} ` : ''}${num(data.ys[k]![i])}`).join(' · ')}`;
  };
  useEffect(() => {
    const el = box.current!, dark = matchMedia('(prefers-color-scheme: dark)');
    const again = () => { plot.current?.destroy(); plot.current = draw(el, data, series, style, tell); };
    again();
    dark.addEventListener('change', again);
    const ob = new ResizeObserver(() => plot.current && Math.abs(el.clientWidth - 14 - plot.current.width) > 1 && plot.current.setSize({ width: Math.max(200, el.clientWidth - 14), height: 240 }));
    ob.observe(el);
    return () => { ob.disconnect(); dark.removeEventListener('change', again); plot.current?.destroy(); plot.current = null; };
  }, [data, style.log, style.smooth, theme.value, lang.value]);
  const key = (e: KeyboardEvent) => {
    if (!/^Arrow(Left|Right)$|^Home$|^End$/.test(e.key) || !data.xs.length) return;
    e.preventDefault();
    const last = data.xs.length - 1, now = at.current < 0 ? last : at.current, i = e.key === 'Home' ? 0 : e.key === 'End' ? last : Math.min(last, Math.max(0, now + (e.key === 'ArrowRight' ? 1 : -1)));
    plot.current?.setCursor({ left: plot.current.valToPos(data.xs[i]!, 'x'), top: 10 });
    tell(i, -1);
  };
  return (
    <div class="chart">
      <div ref={box} class="uplot-box" role="img" aria-label={label} tabIndex={0} onKeyDown={key} />
      {series.length > 1 && <ul class="legend wrap" aria-hidden="true">{series.slice(0, LEGEND_MAX).map((s, i) => <li key={s.run_id}><svg width="18" height="8"><path class={`legend-${look(i).color.slice(2)}`} d="M0 4H18" stroke-dasharray={look(i).dash?.join(' ')} /></svg>{s.name}</li>)}
        {series.length > LEGEND_MAX && <li>{t('and {n} more', { n: series.length - LEGEND_MAX })}</li>}</ul>}
      <p class="readout num" aria-live="polite" ref={line}>{'\u00a0'}</p>
    </div>
  );
}

/* One metric: asks for its points when it comes in sight, again while a run is going. */
function Chart({ name, runs, style, live }: { name: string; runs: string[]; style: Style; live: boolean }) {
  const box = useRef<HTMLDivElement>(null);
  const [series, setSeries] = useState<MetricSeries[] | null>(null);
  const [error, setError] = useState('');
  useEffect(() => {
    let stop = false, timer = 0, seen = false;
    const load = async () => {
      clearTimeout(timer);
      timer = 0;
      if (!document.hidden && seen) try {
        const answer = await get<{ series: MetricSeries[] }>(`/api/v1/metrics/series?run=${runs.map(seg).join(',')}&key=${seg(name)}&points=1000`);
        if (stop) return;
        setSeries(answer.series.filter((s) => s.count > 0));
        setError('');
      } catch (e) {
        if (!stop) setError((e as Error).message);
      }
      if (live && !stop && connected.value !== true) timer = window.setTimeout(load, POLL);
    };
    /* The stream tells when one of these runs got points: at most a request a second. */
    const off = live ? onEvent((e) => {
      if (timer || !(e.subject === ANY_RUN || runs.some((id) => e.subject.startsWith(`run/${id}`)))) return;
      timer = window.setTimeout(() => { timer = 0; void load(); }, HINTED);
    }) : () => undefined;
    const ob = new IntersectionObserver((list) => { const now = list.some((x) => x.isIntersecting); if (now && !seen) { seen = true; void load(); } seen = now; }, { rootMargin: '200px' });
    ob.observe(box.current!);
    return () => { stop = true; clearTimeout(timer); off(); ob.disconnect(); };
  }, [name, runs.join(), live]);
  const data = useMemo(() => (series ? align(series, style.x) : null), [series, style.x]);
  const points = series?.reduce((n, s) => n + s.count, 0) ?? 0;
  const summary = !series || !data ? '' : series.length === 0 ? t('No points.') : t('{n} points, from {low} to {high}', { n: int(points), low: num(Number.isFinite(data.low) ? data.low : null), high: num(Number.isFinite(data.high) ? data.high : null) }) + (style.log && data.low <= 0 ? `; ${t('not logarithmic: values are not above 0')}` : '');
  return (
    <div ref={box} class="metric-chart">
      {error ? <p class="inline-error" role="alert">{error}</p> : !series || !data ? <div class="sk sk-block" role="status" aria-label={t('Loading')} /> : series.length === 0 ? <p class="muted">{name}: {t('No points.')}</p> : (
        <Figure title={name} summary={summary} table={() => ({ head: [style.x === 'time' ? t('Seconds') : t('Step'), ...series.slice(0, 8).map((s) => `${s.name} ${s.run_id.slice(0, 4)}`)], rows: data.xs.map((x, i) => [x, ...data.ys.slice(0, 8).map((y) => y[i] ?? null)] as (number | null)[]).filter((r) => r.slice(1).some((v) => v !== null)) })}>
          <Plot label={`${name}: ${summary}`} series={series} data={data} style={style} />
        </Figure>)}
    </div>
  );
}

export interface ChartsProps { runs: string[]; keys: string[]; live: boolean }

export default function MetricCharts({ runs, keys, live }: ChartsProps) {
  const q = route.value.query;
  const style: Style = { x: q.get('x') === 'time' ? 'time' : 'step', log: q.get('log') === '1', smooth: Math.min(0.99, Math.max(0, Number(q.get('smooth') ?? 0) || 0)) };
  const [find, setFind] = useState(''), [most, setMost] = useState(SHOWN);
  const folded = find.normalize('NFKC').toLowerCase(), list = keys.filter((k) => k.toLowerCase().includes(folded)).sort((a, b) => Number(a.startsWith('system/')) - Number(b.startsWith('system/')) || a.localeCompare(b));
  if (!keys.length) return <Empty title={t('No metrics were recorded.')} />;
  const drawn = runs.slice(0, RUNS_MAX);
  return <>
    <div class="table-tools chart-tools">
      <div class="grow"><input type="search" data-filter value={find} aria-label={t('Find a metric')} placeholder={t('Find a metric')} onInput={(e) => setFind(e.currentTarget.value)} /></div>
      <label class="inline-field"><span>{t('Horizontal')}</span><select value={style.x} onChange={(e) => setQuery({ x: e.currentTarget.value === 'time' ? 'time' : null }, true)}><option value="step">{t('Step')}</option><option value="time">{t('Time')}</option></select></label>
      <label class="inline-field"><span>{t('Smoothing')}</span><input type="range" min="0" max="0.99" step="0.01" value={style.smooth} onInput={(e) => setQuery({ smooth: Number(e.currentTarget.value) ? e.currentTarget.value : null }, true)} /><output class="num">{num(style.smooth, 2)}</output></label>
      <button type="button" class="button small" aria-pressed={style.log} onClick={() => setQuery({ log: style.log ? null : '1' }, true)}>{t('Logarithmic')}</button>
    </div>
    {runs.length > RUNS_MAX && <p class="muted">{t('The first {n} of {all} runs are drawn.', { n: RUNS_MAX, all: runs.length })}</p>}
    <div class="chart-grid">{list.slice(0, most).map((k) => <Chart key={k} name={k} runs={drawn} style={style} live={live} />)}</div>
    {list.length > most && <div class="actions centre"><button type="button" class="button" onClick={() => setMost(most + SHOWN)}>{t('Show {n} more', { n: Math.min(SHOWN, list.length - most) })}</button></div>}
  </>;
}
