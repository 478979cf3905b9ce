// SPDX-License-Identifier: Apache-2.0
// Features × windows on one canvas. A cell is a bar whose height and colour both tell how near a feature
// is to its own threshold; drifted cells fill the whole height and carry a notch, windows with too little
// data are a grey dash. More windows than pixels allow are put together: what most of them say is shown,
// for of many windows some are over their threshold by chance alone.
// Only rows in sight are drawn, so that a thousand features scroll. Arrow keys move a cursor.
import { useEffect, useLayoutEffect, useRef, useState } from 'preact/hooks';
import { int, moment, num } from '../format';
import { lang, t } from '../i18n';
import { theme, utc } from '../prefs';
import { featurePath, href, navigate } from '../router';
import type { WindowList } from '../types';
import { useWidth } from './marks';

export type State = 'i' | 'o' | 'w' | 'd' | ' ';
const ORDER = ' iowd', ROW = 24, CELL_MIN = 4, CELL_MAX = 26;

export interface Cell { state: State; level: number | null }
export interface MatrixColumn { from: number; to: number; rows: number; versions: string[]; windows: number; cells: Map<string, Cell>; most?: number; main?: string }
export interface MatrixData { features: { name: string; output: boolean }[]; columns: MatrixColumn[]; gathered: number }

const level = (c: string | undefined) => (!c || c === '-' ? null : parseInt(c, 36) / 10);

export function stateText(s: State): string {
  return s === 'd' ? t('Drifted') : s === 'w' ? t('Warning') : s === 'o' ? t('In order') : s === 'i' ? t('Too little data') : t('No window');
}

/* Of several windows: drifted when half of those that could be judged are, a warning from a fifth on; the level in the middle. */
function together(cells: Cell[]): Cell {
  const judged = cells.filter((c) => c.state !== 'i' && c.state !== ' '), share = judged.filter((c) => c.state === 'd').length / judged.length;
  const levels = judged.map((c) => c.level).filter((l): l is number => l !== null).sort((a, b) => a - b);
  if (!judged.length) return cells[0]!;
  return { state: share >= 0.5 ? 'd' : share >= 0.2 ? 'w' : 'o', level: levels[levels.length >> 1] ?? null };
}

/* Windows of a time stand in one column, the worst state shows; `gather` times in a row are put together. */
export function arrange(list: WindowList, most: number): MatrixData {
  const names = new Map(list.versions.map((v) => [`${v.model}:${v.version}`, v.features])), features = new Map<string, { name: string; output: boolean }>();
  for (const v of list.versions) for (const f of v.features) if (!features.has(f.name)) features.set(f.name, f);
  const starts = [...new Set(list.windows.map((w) => w.start_ms))].sort((a, b) => a - b), gather = Math.max(1, Math.ceil(starts.length / Math.max(1, most)));
  const place = new Map(starts.map((s, i) => [s, Math.floor(i / gather)])), columns: MatrixColumn[] = [], many = new Map<string, Cell[]>();
  for (const w of list.windows) {
    const at = place.get(w.start_ms)!, c = (columns[at] ??= { from: w.start_ms, to: w.end_ms, rows: 0, versions: [], windows: 0, cells: new Map() });
    c.from = Math.min(c.from, w.start_ms);
    c.to = Math.max(c.to, w.end_ms);
    c.rows += w.rows;
    c.windows++;
    if (!c.versions.includes(w.version)) c.versions.push(w.version);
    if (w.rows > (c.most ?? -1)) { c.most = w.rows; c.main = w.version; }
    const fs = names.get(`${w.model}:${w.version}`) ?? [];
    for (let i = 0; i < fs.length && i < (w.states?.length ?? 0); i++) {
      const state = w.states![i] as State, l = level(w.levels?.[i]), old = c.cells.get(fs[i]!.name);
      if (gather > 1) { const k = `${at} ${fs[i]!.name}`, cells = many.get(k); if (cells) cells.push({ state, level: l }); else many.set(k, [{ state, level: l }]); }
      if (!old || ORDER.indexOf(state) > ORDER.indexOf(old.state) || (state === old.state && (l ?? -1) > (old.level ?? -1))) c.cells.set(fs[i]!.name, { state, level: l });
    }
  }
  for (const [k, cells] of many) { const cut = k.indexOf(' '); columns[Number(k.slice(0, cut))]!.cells.set(k.slice(cut + 1), together(cells)); }
  return { features: [...features.values()], columns, gathered: gather };
}

const token = (name: string) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

function paint(el: HTMLCanvasElement, d: MatrixData, rows: string[], top: number, height: number, width: number, cell: number, cursor: [number, number] | null): void {
  const g = el.getContext('2d')!, dpr = devicePixelRatio || 1, c = { o: token('--level-ok'), w: token('--level-warn'), d: token('--level-bad'), i: token('--line-strong'), line: token('--line'), on: token('--surface'), text: token('--text') };
  el.width = Math.round(width * dpr);
  el.height = Math.round(height * dpr);
  g.scale(dpr, dpr);
  const first = Math.floor(top / ROW), last = Math.min(rows.length, Math.ceil((top + height) / ROW)), gap = cell >= 8 ? 1 : 0;
  for (let r = first; r < last; r++) {
    const y = r * ROW - top, base = y + ROW - 3, tall = ROW - 5;
    g.fillStyle = c.line;
    g.fillRect(0, y + ROW - 1, d.columns.length * cell, 1);
    for (let k = 0; k < d.columns.length; k++) {
      const x = Math.round(k * cell), w = Math.max(1, Math.round((k + 1) * cell) - x - gap), at = d.columns[k]!.cells.get(rows[r]!);
      if (!at) continue;
      if (at.state === 'i') { g.fillStyle = c.i; g.fillRect(x, y + ROW / 2 - 1, w, 2); continue; }
      const h = at.state === 'd' ? tall : at.state === 'w' ? tall * 0.78 : Math.max(2, Math.min(1, at.level ?? 0.3) * tall * 0.7);
      g.fillStyle = at.state === 'd' ? c.d : at.state === 'w' ? c.w : c.o;
      g.globalAlpha = at.state === 'o' ? 0.45 + 0.55 * Math.min(1, at.level ?? 0.3) : 1;
      g.fillRect(x, base - h, w, h);
      g.globalAlpha = 1;
      if (at.state === 'd' && w >= 4) { g.fillStyle = c.on; g.beginPath(); g.moveTo(x + w / 2, base - 1); g.lineTo(x + w / 2 + 3, base - 6); g.lineTo(x + w / 2 - 3, base - 6); g.fill(); }
    }
  }
  for (let k = 1; k < d.columns.length; k++) {
    if (d.columns[k]!.main === d.columns[k - 1]!.main) continue;
    g.strokeStyle = c.text;
    g.setLineDash([3, 3]);
    g.beginPath(); g.moveTo(k * cell - 0.5, 0); g.lineTo(k * cell - 0.5, height); g.stroke();
    g.setLineDash([]);
  }
  if (cursor) { g.strokeStyle = c.text; g.lineWidth = 2; g.strokeRect(cursor[1] * cell + 0.5, cursor[0] * ROW - top + 1, Math.max(4, cell - gap), ROW - 3); }
}

export function Matrix({ list, endpoint, order, filter }: { list: WindowList; endpoint: string; order: 'worst' | 'name'; filter: string }) {
  const [box, width] = useWidth(900), canvas = useRef<HTMLCanvasElement>(null), scroll = useRef<HTMLDivElement>(null);
  const [top, setTop] = useState(0), [at, setAt] = useState<[number, number] | null>(null);
  const labels = width < 520 ? 96 : 168, room = Math.max(60, width - labels - 16), d = arrange(list, Math.floor(room / CELL_MIN));
  const cell = Math.min(CELL_MAX, room / Math.max(1, d.columns.length));
  const badness = new Map(d.features.map((f) => [f.name, d.columns.reduce((s, c, i) => { const x = c.cells.get(f.name); return s + (x?.state === 'd' ? 100 : x?.state === 'w' ? 10 : Math.min(1, x?.level ?? 0)) * (1 + (2 * i) / d.columns.length); }, 0)]));
  const rows = d.features.filter((f) => f.name.toLowerCase().includes(filter.toLowerCase())).sort((a, b) => Number(b.output) - Number(a.output) || (order === 'name' ? a.name.localeCompare(b.name, undefined, { numeric: true }) : badness.get(b.name)! - badness.get(a.name)!)).map((f) => f.name);
  const full = rows.length * ROW, height = Math.min(full, 26 * ROW), outputs = new Set(d.features.filter((f) => f.output).map((f) => f.name));
  const mine = at && at[0] < rows.length && at[1] < d.columns.length ? at : null;
  const span = d.columns.length ? d.columns[d.columns.length - 1]!.to - d.columns[0]!.from : 0;
  useLayoutEffect(() => { if (canvas.current) paint(canvas.current, d, rows, top, height, room, cell, mine); });
  useEffect(() => {
    const dark = matchMedia('(prefers-color-scheme: dark)'), again = () => canvas.current && paint(canvas.current, d, rows, top, height, room, cell, mine);
    dark.addEventListener('change', again);
    return () => dark.removeEventListener('change', again);
  });
  const open = (p: [number, number] | null) => p && navigate(href(featurePath(endpoint, rows[p[0]]!, d.columns[p[1]]!.windows === 1 ? d.columns[p[1]]!.from : null)));
  const key = (e: KeyboardEvent) => {
    if (e.key === 'Enter') return void open(mine);
    const by: Record<string, [number, number]> = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1], PageUp: [-10, 0], PageDown: [10, 0], Home: [0, -1e9], End: [0, 1e9] };
    if (!by[e.key] || !rows.length) return;
    e.preventDefault();
    const [r, c] = mine ?? [0, d.columns.length], next: [number, number] = [Math.max(0, Math.min(rows.length - 1, r + by[e.key]![0])), Math.max(0, Math.min(d.columns.length - 1, c + by[e.key]![1]))];
    setAt(next);
    const el = scroll.current!, y = next[0] * ROW;
    if (y < el.scrollTop) el.scrollTop = y;
    else if (y + ROW > el.scrollTop + height) el.scrollTop = y + ROW - height;
  };
  const spot = (e: MouseEvent): [number, number] | null => {
    const r = canvas.current!.getBoundingClientRect(), c = Math.floor((e.clientX - r.left) / cell), row = Math.floor((e.clientY - r.top + top) / ROW);
    return c >= 0 && c < d.columns.length && row >= 0 && row < rows.length ? [row, c] : null;
  };
  const first = Math.max(0, Math.floor(top / ROW) - 2), last = Math.min(rows.length, Math.ceil((top + height) / ROW) + 2);
  const say = (p: [number, number]) => {
    const c = d.columns[p[1]]!, x = c.cells.get(rows[p[0]]!);
    return [rows[p[0]], `${moment(c.from, span)} – ${moment(c.to, span)}`, stateText(x?.state ?? ' '), x?.level !== null && x?.level !== undefined ? t('{x} × its threshold', { x: x.level >= 3.5 ? '≥ 3.5' : num(x.level, 2) }) : '', t('{n} rows', { n: int(c.rows) }), c.versions.map((v) => `v${v}`).join(', ')].filter(Boolean).join(' · ');
  };
  void theme.value; void lang.value; void utc.value;
  return (
    <div class="chart matrix" ref={box}>
      <div class="matrix-scroll" ref={scroll} style={{ height: `${height + 2}px` }} onScroll={(e) => setTop(e.currentTarget.scrollTop)} tabIndex={-1}>
        <div class="matrix-space" style={{ height: `${full}px` }}>
          <ul class="matrix-names" style={{ width: `${labels}px`, transform: `translateY(${first * ROW}px)` }}>{rows.slice(first, last).map((n) => <li key={n} style={{ height: `${ROW}px` }}><a href={href(featurePath(endpoint, n))} title={n}>{n}</a>{outputs.has(n) && <span class="muted small"> {t('answer')}</span>}</li>)}</ul>
          <canvas ref={canvas} style={{ marginLeft: `${labels}px`, width: `${room}px`, height: `${height}px` }} role="img" tabIndex={0} aria-label={t('Drift of {n} features over {k} windows', { n: rows.length, k: list.windows.length })}
            onKeyDown={key} onPointerMove={(e) => setAt(spot(e))} onPointerLeave={() => setAt(null)} onClick={(e) => open(spot(e))} onBlur={() => setAt(null)} />
        </div>
      </div>
      {d.columns.length > 0 && <p class="matrix-axis muted small num" style={{ paddingLeft: `${labels}px`, width: `${labels + d.columns.length * cell}px` }}><span>{moment(d.columns[0]!.from, span)}</span>{d.columns.length * cell > 300 && <span>{moment(d.columns[d.columns.length >> 1]!.from, span)}</span>}{d.columns.length * cell > 150 && <span>{moment(d.columns[d.columns.length - 1]!.to, span)}</span>}</p>}
      <p class="readout num matrix-readout" aria-live="polite">{mine ? say(mine) : d.gathered > 1 ? t('Each column holds {n} windows; what most of them say shows.', { n: d.gathered }) : '\u00a0'}</p>
    </div>
  );
}
