// SPDX-License-Identifier: Apache-2.0
// A grid for very many rows and columns: only the cells in sight are in the page, in rows that are
// used again while scrolling. Follows the ARIA grid pattern: one cell (or the link or box in it) takes
// the Tab stop, arrows move it, header cells sort, Space selects. Above the height that browsers can
// lay out, the scroll position is scaled.
import { useEffect, useLayoutEffect, useMemo, useRef, useState } from 'preact/hooks';
import type { ComponentChildren } from 'preact';
import { t } from '../i18n';

export interface GridCol { id: string; label: string; group?: string; numeric?: boolean; width: number; unsortable?: boolean }
export interface GridProps {
  label: string; total: number; columns: GridCol[];      /* the first column is pinned */
  rowId: (i: number) => string | null;                   /* null while its data is on the way */
  rowName: (i: number) => string;
  cell: (i: number, col: GridCol) => ComponentChildren;
  sort: string; onSort: (id: string) => void;            /* 'id' or '-id' */
  selected: Set<string>; onSelect: (ids: Set<string>) => void;
  onWindow: (from: number, to: number, cols: string[]) => void;
  onOpen: (i: number) => void;
}

const ROW = 36, HEAD = 46, CHECK = 40, OVERSCAN = 6, HEIGHT_MAX = 12_000_000, SELECT_MAX = 500;

/* Left edge of each column after the pinned one, and the whole width. */
function layout(columns: GridCol[], pinned: number) {
  const left: number[] = [];
  let x = CHECK + pinned;
  for (const c of columns.slice(1)) { left.push(x); x += c.width; }
  return { left, width: x };
}

export function Grid(p: GridProps) {
  const box = useRef<HTMLDivElement>(null);
  const [view, setView] = useState({ top: 0, left: 0, height: 600, width: 1000 });
  const [active, setActive] = useState({ row: -1, col: 1 }); /* row -1 is the header, col 0 the boxes */
  const readView = useRef<() => void>(() => {});
  const focusWanted = useRef(false), anchor = useRef(-1);
  const pinned = view.width < 600 ? 150 : p.columns[0]!.width;
  const { left, width } = useMemo(() => layout(p.columns, pinned), [p.columns, pinned]);

  /* ---- geometry ---- */
  const real = p.total * ROW, high = Math.min(real, HEIGHT_MAX), room = Math.max(1, view.height - HEAD);
  const factor = high > room ? (real - room) / (high - room) : 1;
  const virtualTop = view.top * factor, from = Math.max(0, Math.floor(virtualTop / ROW) - OVERSCAN);
  const to = Math.min(p.total, Math.ceil((virtualTop + room) / ROW) + OVERSCAN);
  let colFrom = 0, colTo = left.length;
  while (colFrom < left.length && left[colFrom]! + p.columns[colFrom + 1]!.width < view.left + CHECK + pinned) colFrom++;
  while (colTo > colFrom && left[colTo - 1]! > view.left + view.width) colTo--;
  colFrom = Math.max(0, colFrom - 1);
  colTo = Math.min(left.length, colTo + 1);
  const shown = p.columns.slice(colFrom + 1, colTo + 1), first = p.columns[0]!;
  const pool = Math.max(1, Math.ceil(room / ROW) + 2 * OVERSCAN + 2);

  useLayoutEffect(() => {
    const el = box.current!;
    let frame = 0;
    const read = readView.current = () => { frame = 0; setView((v) => (v.top === el.scrollTop && v.left === el.scrollLeft && v.height === el.clientHeight && v.width === el.clientWidth ? v : { top: el.scrollTop, left: el.scrollLeft, height: el.clientHeight, width: el.clientWidth })); };
    const later = () => { frame ||= requestAnimationFrame(read); };
    read();
    el.addEventListener('scroll', later, { passive: true });
    const ob = new ResizeObserver(later);
    ob.observe(el);
    return () => { el.removeEventListener('scroll', later); ob.disconnect(); cancelAnimationFrame(frame); };
  }, []);
  const ids = [first.id, ...shown.map((c) => c.id)].join('\n');
  useEffect(() => p.onWindow(from, to, ids.split('\n')), [from, to, ids, p.onWindow]);

  /* ---- moving ---- */
  const target = () => {
    const cell = box.current?.querySelector<HTMLElement>(`[data-cell="${active.row}:${active.col}"]`);
    return cell?.querySelector<HTMLElement>('a, input, button') ?? cell ?? null;
  };
  useLayoutEffect(() => {
    if (!focusWanted.current) return;
    const el = target();
    if (!el) return;
    focusWanted.current = false;
    el.focus({ preventScroll: true });
  });
  const reveal = (row: number, col: number) => {
    const el = box.current!;
    if (row >= 0) {
      const y = row * ROW, margin = ROW / 2;
      if (y < virtualTop) el.scrollTop = Math.max(0, y / factor);
      else if (y + ROW > virtualTop + room - margin) el.scrollTop = (y + ROW - room + margin) / factor;
    }
    if (col >= 2) {
      const x = left[col - 2]!, w = p.columns[col - 1]!.width, edge = CHECK + pinned;
      if (x < el.scrollLeft + edge) el.scrollLeft = x - edge;
      else if (x + w > el.scrollLeft + view.width) el.scrollLeft = x + w - view.width;
    }
  };
  const move = (row: number, col: number) => {
    row = Math.max(-1, Math.min(p.total - 1, row));
    col = Math.max(0, Math.min(p.columns.length, col));
    focusWanted.current = true;
    setActive({ row, col });
    reveal(row, col);
    readView.current(); /* the target is in the page after this render */
  };
  const toggle = (i: number, range: boolean) => {
    const id = p.rowId(i), next = new Set(p.selected);
    if (!id) return;
    const on = !next.has(id), a = range && anchor.current >= 0 ? anchor.current : i;
    for (let k = Math.min(a, i); k <= Math.max(a, i); k++) {
      const one = p.rowId(k);
      if (!one) continue;
      if (!on) next.delete(one);
      else if (next.size < SELECT_MAX) next.add(one);
    }
    anchor.current = i;
    p.onSelect(next);
  };
  const page = Math.max(1, Math.floor(room / ROW) - 1);
  const key = (e: KeyboardEvent) => {
    if (e.altKey || e.isComposing) return;
    const { row, col } = active, ctrl = e.ctrlKey || e.metaKey;
    const go: Record<string, [number, number]> = {
      ArrowDown: [row + 1, col], ArrowUp: [row - 1, col], ArrowRight: [row, col + 1], ArrowLeft: [row, col - 1], PageDown: [row + page, col], PageUp: [Math.max(0, row - page), col],
      Home: [ctrl ? 0 : row, 0], End: [ctrl ? p.total - 1 : row, p.columns.length],
    };
    if (go[e.key]) move(...go[e.key]!);
    else if (e.key === ' ' && row >= 0) toggle(row, e.shiftKey);
    else if (e.key === 'Enter' && row >= 0 && (e.target as Element).tagName !== 'A') p.onOpen(row);
    else return;
    e.preventDefault();
  };
  /* j, k and x of the whole page arrive as an event. */
  useLayoutEffect(() => {
    const el = box.current!;
    const on = (e: Event) => {
      const k = (e as CustomEvent<string>).detail, inside = el.contains(document.activeElement);
      if (k === 'x') { if (active.row >= 0) toggle(active.row, false); }
      else move(inside || active.row >= 0 ? active.row + (k === 'j' ? 1 : -1) : from + (from > 0 ? OVERSCAN : 0), Math.max(1, active.col));
    };
    el.addEventListener('grid-key', on);
    return () => el.removeEventListener('grid-key', on);
  });

  /* ---- drawing ---- */
  const stop = (row: number, col: number) => (active.row === row && active.col === col ? 0 : -1);
  const props = (row: number, col: number) => ({ 'data-cell': `${row}:${col}`, 'aria-colindex': col + 1, onFocusCapture: () => { if (active.row !== row || active.col !== col) setActive({ row, col }); } });
  const seen = active.row === -1 || (active.row >= from && active.row < to);
  const colSeen = active.col < 2 || (active.col - 2 >= colFrom && active.col - 2 < colTo);
  const head = (c: GridCol, col: number) => {
    const dir = p.sort === c.id ? 'ascending' : p.sort === `-${c.id}` ? 'descending' : undefined;
    return c.unsortable ? <span class="grid-th" tabIndex={stop(-1, col)}>{c.group && <span class="grid-group">{c.group}</span>}<span class="grid-label">{c.label}</span></span>
      : <button type="button" class="grid-th" title={c.label} tabIndex={stop(-1, col)} onClick={() => p.onSort(c.id)}>{c.group && <span class="grid-group">{c.group}</span>}<span class="grid-label">{c.label}{dir && <span class="th-arrow" aria-hidden="true">{dir === 'ascending' ? '↑' : '↓'}</span>}</span></button>;
  };
  const sorted = (c: GridCol) => (p.sort === c.id ? 'ascending' : p.sort === `-${c.id}` ? 'descending' : undefined);
  const rows = [];
  for (let i = from; i < to; i++) {
    const id = p.rowId(i), on = id !== null && p.selected.has(id), y = HEAD + i * ROW - virtualTop + view.top;
    rows.push(
      <div key={i % pool} role="row" aria-rowindex={i + 2} aria-selected={on} class={`grid-row${on ? ' selected' : ''}`} style={{ top: `${y}px`, width: `${width}px`, height: `${ROW}px` }}>
        <div role="gridcell" class="grid-check" {...props(i, 0)}>{id !== null && <label class="check-hit"><input type="checkbox" checked={on} tabIndex={stop(i, 0)} aria-label={t('Select {name}', { name: p.rowName(i) })}
          onClick={(e) => { e.preventDefault(); toggle(i, e.shiftKey); }} /></label>}</div>
        <div role="rowheader" class="grid-pin" style={{ width: `${pinned}px` }} tabIndex={id === null ? stop(i, 1) : undefined} {...props(i, 1)}>{id === null ? <span class="grid-wait" /> : p.cell(i, first)}</div>
        {shown.map((c, k) => {
          const col = colFrom + k + 2;
          return <div key={c.id} role="gridcell" tabIndex={stop(i, col)} class={`grid-cell${c.numeric ? ' right num' : ''}`} style={{ left: `${left[col - 2]}px`, width: `${c.width}px` }} {...props(i, col)}>{id === null ? <span class="grid-wait" /> : p.cell(i, c)}</div>;
        })}
      </div>);
  }
  const visibleIds = () => { const l: string[] = []; for (let i = 0; i < Math.min(p.total, SELECT_MAX); i++) { const id = p.rowId(i); if (id) l.push(id); } return l; };
  const all = p.total > 0 && visibleIds().length > 0 && visibleIds().every((id) => p.selected.has(id));
  return (
    <div ref={box} class="table-scroll grid" role="grid" aria-label={p.label} aria-rowcount={p.total + 1} aria-colcount={p.columns.length + 1} aria-multiselectable="true" data-keys tabIndex={seen && colSeen ? -1 : 0} onKeyDown={key}
      onFocus={(e) => { if (e.target === e.currentTarget) move(from + OVERSCAN < to && from > 0 ? from + OVERSCAN : from, 1); }}>
      <div role="presentation" class="grid-space" style={{ width: `${width}px`, height: `${high + HEAD}px` }}>
        <div role="row" aria-rowindex={1} class="grid-head" style={{ width: `${width}px`, height: `${HEAD}px` }}>
          <div role="columnheader" class="grid-check" {...props(-1, 0)}><label class="check-hit"><input type="checkbox" tabIndex={stop(-1, 0)} aria-label={t('Select all')} checked={all} onChange={(e) => p.onSelect(e.currentTarget.checked ? new Set([...p.selected, ...visibleIds()].slice(0, SELECT_MAX)) : new Set())} /></label></div>
          <div role="columnheader" class="grid-pin" style={{ width: `${pinned}px` }} aria-sort={sorted(first)} {...props(-1, 1)}>{head(first, 1)}</div>
          {shown.map((c, k) => <div key={c.id} role="columnheader" aria-sort={sorted(c)} class={`grid-cell${c.numeric ? ' right' : ''}`} style={{ left: `${left[colFrom + k]}px`, width: `${c.width}px` }} {...props(-1, colFrom + k + 2)}>{head(c, colFrom + k + 2)}</div>)}
        </div>
        {rows}
      </div>
    </div>
  );
}
