// SPDX-License-Identifier: Apache-2.0
// A grid for very many rows and columns: only the cells in sight are in the page, in rows that are
// used again while scrolling. Follows the ARIA grid pattern: one cell (or the link or box in it) takes
// the Tab stop, arrows move it, header cells sort, Space selects. Above the height that browsers can
// lay out, the scroll position is scaled. Columns: the edge of a header is dragged for width, the header
// for place; Shift and Ctrl-Shift with an arrow do the same, and so does the menu of each header.
import { useEffect, useLayoutEffect, useMemo, useRef, useState } from 'preact/hooks';
import type { ComponentChildren } from 'preact';
import { Icon } from './icons';
import { t } from '../i18n';

export interface GridCol { id: string; label: string; group?: string; numeric?: boolean; width: number; unsortable?: boolean }
export interface GridProps {
  label: string; total: number; columns: GridCol[];      /* the first column is pinned… */
  pinned?: number;                                       /* …and so many after it */
  rowId: (i: number) => string | null;                   /* null while its data is on the way */
  rowName: (i: number) => string;
  cell: (i: number, col: GridCol) => ComponentChildren;
  sort: string; onSort: (id: string, to?: 'asc' | 'desc') => void; /* 'id' or '-id'; turns unless told */
  selected: Set<string>; onSelect: (ids: Set<string>) => void;
  onWindow: (from: number, to: number, cols: string[]) => void;
  onOpen: (i: number) => void;
  onWidth?: (id: string, width: number | null) => void;  /* null = as it was at first */
  onMove?: (id: string, to: number) => void;             /* place among the columns */
  onPin?: (id: string, on: boolean) => void;
  onHide?: (id: string) => void;
}

const ROW = 36, HEAD = 46, CHECK = 40, OVERSCAN = 6, HEIGHT_MAX = 12_000_000, SELECT_MAX = 500;
export const WIDTH_MIN = 60, WIDTH_MAX = 900;
const WIDTH_STEP = 16, DRAG_FROM = 6;
const clampWidth = (w: number) => Math.max(WIDTH_MIN, Math.min(WIDTH_MAX, Math.round(w)));

/* Left edge of each column after the first, the whole width, and what the pinned ones take. */
function layout(columns: GridCol[], first: number, pins: number) {
  const left: number[] = [];
  let x = CHECK + first, edge = x;
  columns.slice(1).forEach((c, i) => { left.push(x); x += c.width; if (i < pins) edge = x; });
  return { left, width: x, edge };
}

/* What can be done with a column, without dragging. */
function ColumnMenu({ col, at, p, onClose }: { col: GridCol; at: { x: number; y: number }; p: GridProps; onClose: () => void }) {
  const box = useRef<HTMLDivElement>(null), i = p.columns.findIndex((c) => c.id === col.id), pins = p.pinned ?? 0, first = i === 0, pinned = !first && i <= pins;
  useEffect(() => {
    const before = document.activeElement as HTMLElement | null, away = (e: Event) => !box.current?.contains(e.target as Node) && onClose();
    box.current?.querySelector('button')?.focus();
    document.addEventListener('pointerdown', away);
    addEventListener('resize', onClose);
    return () => { document.removeEventListener('pointerdown', away); removeEventListener('resize', onClose); if (before?.isConnected && (document.activeElement === document.body || !document.activeElement)) before.focus(); };
  }, []);
  const key = (e: KeyboardEvent) => {
    e.stopPropagation();
    if (e.key === 'Escape' || e.key === 'Tab') { e.preventDefault(); onClose(); }
    const all = [...box.current!.querySelectorAll<HTMLButtonElement>('button:not(:disabled)')], by = e.key === 'ArrowDown' ? 1 : e.key === 'ArrowUp' ? -1 : 0;
    if (by) { e.preventDefault(); all[(all.indexOf(document.activeElement as HTMLButtonElement) + by + all.length) % all.length]?.focus(); }
  };
  const item = (label: string, run: () => void, disabled = false, stay = false) => <li role="none"><button type="button" role="menuitem" disabled={disabled} onClick={() => { run(); if (!stay) onClose(); }}>{label}</button></li>;
  return (
    <div ref={box} class="column-menu" role="presentation" style={{ left: `${Math.max(8, Math.min(at.x, innerWidth - 232))}px`, top: `${Math.min(at.y, innerHeight - 300)}px` }} onKeyDown={key}>
      <p class="column-menu-head">{col.group && <span class="muted">{col.group} </span>}{col.label}</p>
      <ul role="menu" aria-label={t('Column {name}', { name: col.label })} class="menu-list">
        {!col.unsortable && item(t('Sort rising'), () => p.sort !== col.id && p.onSort(col.id, 'asc'))}
        {!col.unsortable && item(t('Sort falling'), () => p.sort !== `-${col.id}` && p.onSort(col.id, 'desc'))}
        {p.onWidth && item(t('Wider'), () => p.onWidth!(col.id, clampWidth(col.width + 4 * WIDTH_STEP)), false, true)}
        {p.onWidth && item(t('Narrower'), () => p.onWidth!(col.id, clampWidth(col.width - 4 * WIDTH_STEP)), false, true)}
        {p.onWidth && item(t('Standard width'), () => p.onWidth!(col.id, null))}
        {p.onPin && !first && item(pinned ? t('Let it scroll') : t('Keep in sight'), () => p.onPin!(col.id, !pinned))}
        {p.onMove && !first && item(t('Move left'), () => p.onMove!(col.id, i - 1), i <= 1 || i === pins + 1, true)}
        {p.onMove && !first && item(t('Move right'), () => p.onMove!(col.id, i + 1), i === p.columns.length - 1 || i === pins, true)}
        {p.onHide && !first && item(t('Hide'), () => p.onHide!(col.id))}
      </ul>
    </div>
  );
}

export function Grid(p: GridProps) {
  const box = useRef<HTMLDivElement>(null);
  const [view, setView] = useState({ top: 0, left: 0, height: 600, width: 1000 });
  const [active, setActive] = useState({ row: -1, col: 1 }); /* row -1 is the header, col 0 the boxes */
  const readView = useRef<() => void>(() => {});
  const focusWanted = useRef(false), focusColumn = useRef(''), anchor = useRef(-1);
  const [drag, setDrag] = useState<{ id: string; width?: number; to?: number } | null>(null), dragged = useRef(false);
  const [menu, setMenu] = useState<{ id: string; x: number; y: number } | null>(null);
  const columns = useMemo(() => (drag?.width === undefined ? p.columns : p.columns.map((c) => (c.id === drag.id ? { ...c, width: drag.width! } : c))), [p.columns, drag?.id, drag?.width]);
  const narrow = view.width < 600, pinned = narrow ? 150 : columns[0]!.width, pins = narrow ? 0 : Math.min(p.pinned ?? 0, columns.length - 1);
  const { left, width, edge } = useMemo(() => layout(columns, pinned, pins), [columns, pinned, pins]);

  /* ---- geometry ---- */
  const real = p.total * ROW, high = Math.min(real, HEIGHT_MAX), room = Math.max(1, view.height - HEAD);
  const factor = high > room ? (real - room) / (high - room) : 1;
  const virtualTop = view.top * factor, from = Math.max(0, Math.floor(virtualTop / ROW) - OVERSCAN);
  const to = Math.min(p.total, Math.ceil((virtualTop + room) / ROW) + OVERSCAN);
  let colFrom = pins, colTo = left.length;
  while (colFrom < left.length && left[colFrom]! + columns[colFrom + 1]!.width < view.left + edge) colFrom++;
  while (colTo > colFrom && left[colTo - 1]! > view.left + view.width) colTo--;
  colFrom = Math.max(pins, colFrom - 1);
  colTo = Math.min(left.length, colTo + 1);
  const first = columns[0]!, places = [...Array(pins).keys(), ...Array(colTo - colFrom).keys()].map((k, i) => (i < pins ? k : colFrom + k));
  const shown = places.map((k) => columns[k + 1]!);
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
    if (!focusWanted.current || (focusColumn.current && columns[active.col - 1]?.id !== focusColumn.current)) return;
    const el = target();
    if (!el) return;
    focusWanted.current = false;
    focusColumn.current = '';
    el.focus({ preventScroll: true });
  });
  const reveal = (row: number, col: number) => {
    const el = box.current!;
    if (row >= 0) {
      const y = row * ROW, margin = ROW / 2;
      if (y < virtualTop) el.scrollTop = Math.max(0, y / factor);
      else if (y + ROW > virtualTop + room - margin) el.scrollTop = (y + ROW - room + margin) / factor;
    }
    if (col >= 2 + pins) {
      const x = left[col - 2]!, w = columns[col - 1]!.width;
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
    if (e.isComposing) return;
    /* The cell that has the focus, which goes with its column when columns change places. */
    const where = (e.target as Element).closest<HTMLElement>('[data-cell]')?.dataset.cell?.split(':').map(Number);
    const row = where?.[0] ?? active.row, col = where?.[1] ?? active.col, ctrl = e.ctrlKey || e.metaKey, one = columns[col - 1];
    if (row === -1 && one && e.altKey && e.key === 'ArrowDown') { openMenu(one, e.target as Element); e.preventDefault(); return; }
    if (e.altKey) return;
    const by = e.key === 'ArrowRight' ? 1 : e.key === 'ArrowLeft' ? -1 : 0;
    if (row === -1 && one && by && e.shiftKey) {
      if (!ctrl) p.onWidth?.(one.id, clampWidth(one.width + by * WIDTH_STEP));
      else if (col > 1) moveColumn(one.id, col - 1 + by);
      e.preventDefault();
      return;
    }
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
  /* ---- columns ---- */
  const openMenu = (c: GridCol, el: Element | null) => {
    const r = (el?.closest('[role=columnheader]') ?? el)?.getBoundingClientRect();
    if (r) setMenu({ id: c.id, x: r.left, y: r.bottom });
  };
  /* Within the pinned ones or within the others; the focus goes with it. */
  const moveColumn = (id: string, to: number) => {
    const at = columns.findIndex((c) => c.id === id), low = at <= pins ? 1 : pins + 1, high = at <= pins ? pins : columns.length - 1, place = Math.max(low, Math.min(high, to));
    if (!p.onMove || place === at) return;
    focusColumn.current = id; /* once it is there */
    p.onMove(id, place);
    move(-1, place + 1);
  };
  /* The edge of a header follows the pointer; what is let go counts. */
  const resize = (e: PointerEvent, c: GridCol) => {
    if (!p.onWidth || e.button !== 0) return;
    e.preventDefault();
    e.stopPropagation();
    const el = e.currentTarget as HTMLElement, from = e.clientX;
    let now = c.width;
    el.setPointerCapture(e.pointerId);
    const at = (m: PointerEvent) => { now = clampWidth(c.width + m.clientX - from); setDrag({ id: c.id, width: now }); };
    const end = () => { el.removeEventListener('pointermove', at); setDrag(null); if (now !== c.width) p.onWidth!(c.id, now); };
    el.addEventListener('pointermove', at);
    el.addEventListener('lostpointercapture', end, { once: true });
  };
  /* A header that is dragged goes where it is let go. */
  const carry = (e: PointerEvent, c: GridCol, place: number) => {
    dragged.current = false;
    if (!p.onMove || place === 0 || e.button !== 0 || e.pointerType === 'touch') return;
    const el = e.currentTarget as HTMLElement, from = e.clientX, low = place <= pins ? 1 : pins + 1, high = place <= pins ? pins : columns.length - 1;
    let to = place;
    const at = (m: PointerEvent) => {
      if (!dragged.current && Math.abs(m.clientX - from) < DRAG_FROM) return;
      if (!dragged.current) el.setPointerCapture(m.pointerId);
      dragged.current = true;
      const r = box.current!.getBoundingClientRect(), x = m.clientX - r.left, within = x > edge ? x + box.current!.scrollLeft : x;
      to = place;
      for (let k = low; k <= high; k++) if (within >= left[k - 1]! && within < left[k - 1]! + columns[k]!.width) { to = k; break; }
      setDrag({ id: c.id, to });
    };
    const end = () => { removeEventListener('pointermove', at); removeEventListener('pointerup', end); removeEventListener('pointercancel', end); setDrag(null); if (dragged.current && to !== place) p.onMove!(c.id, to); };
    addEventListener('pointermove', at);
    addEventListener('pointerup', end);
    addEventListener('pointercancel', end);
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
  const colSeen = active.col < 2 + pins || (active.col - 2 >= colFrom && active.col - 2 < colTo);
  const head = (c: GridCol, col: number) => {
    const dir = p.sort === c.id ? 'ascending' : p.sort === `-${c.id}` ? 'descending' : undefined;
    const extra = (p.onWidth || p.onMove) && <>
      <button type="button" class="grid-more" tabIndex={-1} aria-label={t('Column {name}', { name: c.label })} aria-haspopup="menu" onClick={(e) => openMenu(c, e.currentTarget)}><Icon name="more" size={14} /></button>
      {p.onWidth && <span class="grid-edge" aria-hidden="true" onPointerDown={(e) => resize(e, c)} onDblClick={() => p.onWidth!(c.id, null)} />}</>;
    return <>{c.unsortable ? <span class="grid-th" tabIndex={stop(-1, col)}>{c.group && <span class="grid-group">{c.group}</span>}<span class="grid-label">{c.label}</span></span>
      : <button type="button" class="grid-th" title={c.label} tabIndex={stop(-1, col)} aria-keyshortcuts="Shift+ArrowLeft Shift+ArrowRight Control+Shift+ArrowLeft Control+Shift+ArrowRight Alt+ArrowDown" onClick={() => !dragged.current && p.onSort(c.id)} onPointerDown={(e) => carry(e, c, col - 1)}>{c.group && <span class="grid-group">{c.group}</span>}<span class="grid-label">{c.label}{dir && <span class="th-arrow" aria-hidden="true">{dir === 'ascending' ? '↑' : '↓'}</span>}</span></button>}{extra}</>;
  };
  const place = (k: number, w: number) => ({ left: `${left[k]}px`, width: `${w}px` });
  const sorted = (c: GridCol) => (p.sort === c.id ? 'ascending' : p.sort === `-${c.id}` ? 'descending' : undefined);
  const rows = [];
  for (let i = from; i < to; i++) {
    const id = p.rowId(i), on = id !== null && p.selected.has(id), y = HEAD + i * ROW - virtualTop + view.top;
    rows.push(
      <div key={i % pool} role="row" aria-rowindex={i + 2} aria-selected={on} class={`grid-row${on ? ' selected' : ''}`} style={{ top: `${y}px`, width: `${width}px`, height: `${ROW}px` }}>
        <div role="gridcell" class="grid-check" {...props(i, 0)}>{id !== null && <label class="check-hit"><input type="checkbox" checked={on} tabIndex={stop(i, 0)} aria-label={t('Select {name}', { name: p.rowName(i) })}
          onClick={(e) => { e.preventDefault(); toggle(i, e.shiftKey); }} /></label>}</div>
        <div role="rowheader" class="grid-pin" style={{ width: `${pinned}px` }} tabIndex={id === null ? stop(i, 1) : undefined} {...props(i, 1)}>{id === null ? <span class="grid-wait" /> : p.cell(i, first)}</div>
        {shown.map((c, n) => {
          const k = places[n]!, col = k + 2;
          return <div key={c.id} role="gridcell" tabIndex={stop(i, col)} class={`grid-cell${c.numeric ? ' right num' : ''}${k < pins ? ' grid-kept' : ''}`} style={place(k, c.width)} {...props(i, col)}>{id === null ? <span class="grid-wait" /> : p.cell(i, c)}</div>;
        })}
      </div>);
  }
  const visibleIds = () => { const l: string[] = []; for (let i = 0; i < Math.min(p.total, SELECT_MAX); i++) { const id = p.rowId(i); if (id) l.push(id); } return l; };
  const all = p.total > 0 && visibleIds().length > 0 && visibleIds().every((id) => p.selected.has(id));
  return <>
    <div ref={box} class="table-scroll grid" role="grid" aria-label={p.label} aria-rowcount={p.total + 1} aria-colcount={p.columns.length + 1} aria-multiselectable="true" data-keys tabIndex={seen && colSeen ? -1 : 0} onKeyDown={key}
      onFocus={(e) => { if (e.target === e.currentTarget) move(from + OVERSCAN < to && from > 0 ? from + OVERSCAN : from, 1); }}>
      <div role="presentation" class="grid-space" style={{ width: `${width}px`, height: `${high + HEAD}px` }}>
        <div role="row" aria-rowindex={1} class="grid-head" style={{ width: `${width}px`, height: `${HEAD}px` }}>
          <div role="columnheader" class="grid-check" {...props(-1, 0)}><label class="check-hit"><input type="checkbox" tabIndex={stop(-1, 0)} aria-label={t('Select all')} checked={all} onChange={(e) => p.onSelect(e.currentTarget.checked ? new Set([...p.selected, ...visibleIds()].slice(0, SELECT_MAX)) : new Set())} /></label></div>
          <div role="columnheader" class="grid-pin" style={{ width: `${pinned}px` }} aria-sort={sorted(first)} {...props(-1, 1)}>{head(first, 1)}</div>
          {shown.map((c, n) => { const k = places[n]!; return <div key={c.id} role="columnheader" aria-sort={sorted(c)} class={`grid-cell${c.numeric ? ' right' : ''}${k < pins ? ' grid-kept' : ''}${drag?.id === c.id && drag.to !== undefined ? ' carried' : ''}${drag?.to === k + 1 && drag.id !== c.id ? ' drop' : ''}`} style={place(k, c.width)} onContextMenu={(e) => { e.preventDefault(); openMenu(c, e.currentTarget); }} {...props(-1, k + 2)}>{head(c, k + 2)}</div>; })}
        </div>
        {rows}
      </div>
    </div>
    {menu && columns.some((c) => c.id === menu.id) && <ColumnMenu key={menu.id} col={columns.find((c) => c.id === menu.id)!} at={menu} p={p} onClose={() => setMenu(null)} />}
  </>;
}
