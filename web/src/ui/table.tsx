// SPDX-License-Identifier: Apache-2.0
// The table of the product: sort, column chooser with search and order, only differing columns, copy
// and export, selection, keyboard (j k x c), sticky header. Above 60 rows only those in sight are in
// the page. What a person changes is in the URL, so that it survives new rows and can be shared.
import { useEffect, useMemo, useRef, useState } from 'preact/hooks';
import type { ComponentChildren } from 'preact';
import { plain } from '../format';
import { t } from '../i18n';
import { route, setQuery } from '../router';
import { copyText } from './bits';
import { Icon } from './icons';
import { Menu } from './menu';
import { toast } from './toast';

export interface Col<T> {
  id: string; label: string; value: (row: T) => unknown; render?: (row: T) => ComponentChildren;
  numeric?: boolean; hidden?: boolean; group?: string; unsortable?: boolean; min?: boolean;
}
export interface TableProps<T> {
  label: string; rows: T[]; columns: Col<T>[]; rowKey: (row: T) => string;
  urlKey?: string;                 /* keeps sort, columns and differing in the URL under this prefix */
  sort?: string;                   /* first order: 'id' or '-id' */
  onSort?: (sort: string) => void; /* the server sorts */
  selected?: Set<string>; onSelect?: (keys: Set<string>) => void;
  tools?: boolean; before?: ComponentChildren; after?: ComponentChildren;
}

const ROW = 38, WINDOW_FROM = 60, OVERSCAN = 8;

function compare(a: unknown, b: unknown): number {
  const na = a === null || a === undefined || a === '', nb = b === null || b === undefined || b === '';
  if (na || nb) return na && nb ? 0 : na ? 2 : -2;
  if (typeof a === 'number' && typeof b === 'number') return a < b ? -1 : a > b ? 1 : 0;
  return String(a).localeCompare(String(b), undefined, { numeric: true });
}

/* On a narrow screen what can be done stands beside the name, not out of sight. */
export const narrowFirst = <T,>(cols: Col<T>[]): Col<T>[] => (innerWidth > 600 ? cols : [cols[0]!, ...cols.filter((c) => c.id === 'do'), ...cols.slice(1).filter((c) => c.id !== 'do')]);

export function sortRows<T>(rows: T[], columns: Col<T>[], sort: string): T[] {
  const down = sort.startsWith('-'), col = columns.find((c) => c.id === sort.replace(/^-/, ''));
  if (!col) return rows;
  return rows.map((r) => [r, col.value(r)] as const).sort((x, y) => {
    const c = compare(x[1], y[1]);
    return Math.abs(c) === 2 ? c : down ? -c : c; /* empty values stay last in both directions */
  }).map((p) => p[0]);
}

/* Which columns to show, in which order: from the URL, else those not hidden. */
function chosen<T>(columns: Col<T>[], text: string | null): Col<T>[] {
  if (!text) return columns.filter((c) => !c.hidden);
  const byId = new Map(columns.map((c) => [c.id, c]));
  return text.split(',').map((id) => byId.get(id)).filter((c): c is Col<T> => !!c);
}

export function asText<T>(cols: Col<T>[], rows: T[], form: 'tsv' | 'csv' | 'md' | 'tex' | 'json'): string {
  const cell = (c: Col<T>, r: T) => { const v = c.value(r); return v === null || v === undefined ? '' : typeof v === 'object' ? JSON.stringify(v) : String(v); };
  const clean = (x: string) => x.replace(/[\t\r\n]+/g, ' ');
  if (form === 'json') return JSON.stringify(rows.map((r) => Object.fromEntries(cols.map((c) => [c.id, c.value(r) ?? null]))), null, 1);
  if (form === 'tsv') return [cols.map((c) => c.id), ...rows.map((r) => cols.map((c) => clean(cell(c, r))))].map((l) => l.join('\t')).join('\n');
  /* A leading = + - @ in text would run as a formula in a spreadsheet. */
  const csv = (x: string) => { const y = /^[=+@]|^-(?![\d.])/.test(x) ? `'${x}` : x; return /[",\r\n]/.test(y) ? `"${y.replace(/"/g, '""')}"` : y; };
  if (form === 'csv') return [cols.map((c) => c.id), ...rows.map((r) => cols.map((c) => cell(c, r)))].map((l) => l.map(csv).join(',')).join('\r\n');
  if (form === 'md') {
    const bar = (l: string[]) => `| ${l.map((x) => clean(x).replace(/\|/g, '\\|')).join(' | ')} |`;
    return [bar(cols.map((c) => c.label)), bar(cols.map((c) => (c.numeric ? '---:' : '---'))), ...rows.map((r) => bar(cols.map((c) => cell(c, r))))].join('\n');
  }
  const tex = (x: string) => clean(x).replace(/[&%$#_{}]/g, '\\$&');
  return [`\\begin{tabular}{${cols.map((c) => (c.numeric ? 'r' : 'l')).join('')}}`, ...[cols.map((c) => c.label), ...rows.map((r) => cols.map((c) => cell(c, r)))].map((l) => `${l.map(tex).join(' & ')} \\\\`), '\\end{tabular}'].join('\n');
}

function download(name: string, text: string, type: string): void {
  const a = document.createElement('a');
  a.href = URL.createObjectURL(new Blob([text], { type }));
  a.download = name;
  a.click();
  setTimeout(() => URL.revokeObjectURL(a.href), 5000);
}

/* `more` offers columns for a text that no known one has. */
export function Chooser<T>({ columns, shown, onChange, more }: { columns: Col<T>[]; shown: Col<T>[]; onChange: (ids: string[] | null) => void; more?: (find: string) => Col<T>[] }) {
  const [find, setFind] = useState('');
  const ids = shown.map((c) => c.id);
  const rest = columns.filter((c) => !ids.includes(c.id));
  const folded = find.normalize('NFKC').toLowerCase();
  const list = [...shown, ...rest].filter((c) => `${c.group ?? ''} ${c.label}`.normalize('NFKC').toLowerCase().includes(folded)).slice(0, 100).concat(more?.(find) ?? []);
  const move = (id: string, by: number) => {
    const at = ids.indexOf(id), next = [...ids];
    if (at < 0 || at + by < 0 || at + by >= ids.length) return;
    [next[at], next[at + by]] = [next[at + by]!, next[at]!];
    onChange(next);
  };
  return (
    <div class="chooser">
      <input type="search" value={find} placeholder={t('Find a column')} aria-label={t('Find a column')} onInput={(e) => setFind(e.currentTarget.value)} />
      <ul>
        {list.map((c) => (
          <li key={c.id}>
            <label><input type="checkbox" checked={ids.includes(c.id)}
              onChange={(e) => onChange(e.currentTarget.checked ? [...ids, c.id] : ids.filter((x) => x !== c.id))} />{c.group && <span class="muted">{c.group} </span>}{c.label}</label>
            {ids.includes(c.id) && <span class="moves">
              <button type="button" class="icon-button" aria-label={t('Move {name} left', { name: c.label })} onClick={() => move(c.id, -1)}><Icon name="up" size={12} /></button>
              <button type="button" class="icon-button" aria-label={t('Move {name} right', { name: c.label })} onClick={() => move(c.id, 1)}><Icon name="down" size={12} /></button>
            </span>}
          </li>
        ))}
      </ul>
      <button type="button" class="button small" onClick={() => onChange(null)}>{t('Standard columns')}</button>
    </div>
  );
}

/* Copies and downloads of what the two functions give: some rows for the clipboard, all for a file. */
export function CopyMenu<T>({ copy, all }: { copy: () => Promise<[Col<T>[], T[]]>; all: () => Promise<[Col<T>[], T[]]> }) {
  const put = (form: 'tsv' | 'md' | 'tex') => void copy().then(([c, r]) => copyText(asText(c, r, form)), (e: Error) => toast(e.message));
  const file = (form: 'csv' | 'json', type: string) => void all().then(([c, r]) => download(`slipway.${form}`, asText(c, r, form), type), (e: Error) => toast(e.message));
  return (
    <Menu label={t('Copy')} icon="copy">
      <ul class="menu-list">
        <li><button type="button" onClick={() => put('tsv')}>{t('Copy for a spreadsheet (TSV)')}</button></li>
        <li><button type="button" onClick={() => put('md')}>{t('Copy as Markdown')}</button></li>
        <li><button type="button" onClick={() => put('tex')}>{t('Copy as LaTeX')}</button></li>
        <li><button type="button" onClick={() => file('csv', 'text/csv')}>{t('Download CSV')}</button></li>
        <li><button type="button" onClick={() => file('json', 'application/json')}>{t('Download JSON')}</button></li>
      </ul>
    </Menu>
  );
}

/* The slice of rows in sight of a scrolling box; everything when there are few. */
function useWindow(n: number, box: { current: HTMLDivElement | null }): [number, number] {
  const [range, set] = useState<[number, number]>([0, 60]);
  useEffect(() => {
    const el = box.current;
    if (!el || n <= WINDOW_FROM) return;
    const update = () => {
      const from = Math.max(0, Math.floor(el.scrollTop / ROW) - OVERSCAN);
      set([from, Math.min(n, from + Math.ceil(el.clientHeight / ROW) + 2 * OVERSCAN)]);
    };
    update();
    el.addEventListener('scroll', update, { passive: true });
    addEventListener('resize', update);
    return () => { el.removeEventListener('scroll', update); removeEventListener('resize', update); };
  }, [n]);
  return n <= WINDOW_FROM ? [0, n] : [Math.min(range[0], n), Math.min(range[1], n)];
}

export function Table<T>(p: TableProps<T>) {
  const box = useRef<HTMLDivElement>(null);
  const [local, setLocal] = useState(p.sort ?? '');
  const q = route.value.query, key = (n: string) => (p.urlKey ? `${p.urlKey}${n}` : n);
  const sort = p.urlKey !== undefined ? q.get(key('sort')) ?? p.sort ?? '' : local;
  const differing = p.urlKey !== undefined && q.get(key('diff')) === '1';
  const rows = useMemo(() => (p.onSort ? p.rows : sortRows(p.rows, p.columns, sort)), [p.rows, p.columns, sort]);
  let cols = chosen(p.columns, p.urlKey !== undefined ? q.get(key('cols')) : null);
  if (differing) cols = cols.filter((c, i) => i === 0 || new Set(p.rows.map((r) => plain(c.value(r)))).size > 1);
  const [from, to] = useWindow(rows.length, box);
  const setSort = (id: string, numeric?: boolean) => {
    const next = sort === id ? `-${id}` : sort === `-${id}` ? id : numeric ? `-${id}` : id;
    if (p.onSort) p.onSort(next);
    else if (p.urlKey !== undefined) setQuery({ [key('sort')]: next });
    else setLocal(next);
  };
  const toggle = (k: string, on: boolean) => { const s = new Set(p.selected); if (on) s.add(k); else s.delete(k); p.onSelect?.(s); };
  const all = rows.length > 0 && rows.every((r) => p.selected?.has(p.rowKey(r)));
  return (
    <div class="table-block">
      {(p.tools || p.before) && <div class="table-tools">
        <div class="grow">{p.before}</div>
        {p.tools && <>
          {p.urlKey !== undefined && p.rows.length > 1 && <button type="button" class="button small" aria-pressed={differing}
            onClick={() => setQuery({ [key('diff')]: differing ? null : '1' })}>{t('Only differing')}</button>}
          <Menu label={t('Columns')} icon="columns" wide>
            <Chooser columns={p.columns} shown={cols} onChange={(ids) => setQuery({ [key('cols')]: ids ? ids.join(',') : null, [key('diff')]: null }, true)} />
          </Menu>
          <CopyMenu copy={async () => [cols, rows]} all={async () => [cols, rows]} />
        </>}
      </div>}
      <div ref={box} class={`table-scroll${rows.length > WINDOW_FROM ? ' tall' : ''}`} tabIndex={0} role="region" aria-label={p.label}>
        <table aria-rowcount={rows.length + 1} data-keys>
          <caption class="offscreen">{p.label}</caption>
          <thead><tr aria-rowindex={1}>
            {p.onSelect && <th scope="col" class="check"><label class="check-hit"><input type="checkbox" aria-label={t('Select all')} checked={all}
              onChange={(e) => p.onSelect?.(e.currentTarget.checked ? new Set(rows.slice(0, 500).map(p.rowKey)) : new Set())} /></label></th>}
            {cols.map((c) => {
              const dir = sort === c.id ? 'ascending' : sort === `-${c.id}` ? 'descending' : undefined;
              return (
                <th key={c.id} scope="col" class={c.numeric ? 'right' : ''} aria-sort={dir}>
                  {c.unsortable ? <span class="th-text">{c.label}</span> :
                    <button type="button" class="th-button" onClick={() => setSort(c.id, c.numeric)}>
                      {c.group && <span class="th-group">{c.group}</span>}{c.label}<span class={`th-arrow ${dir ?? ''}`} aria-hidden="true">{dir === 'ascending' ? '↑' : dir === 'descending' ? '↓' : ''}</span></button>}
                </th>
              );
            })}
          </tr></thead>
          <tbody>
            {from > 0 && <tr class="spacer" aria-hidden="true"><td colSpan={cols.length + 1} style={{ height: `${from * ROW}px` }} /></tr>}
            {rows.slice(from, to).map((r, i) => {
              const k = p.rowKey(r), on = p.selected?.has(k) ?? false;
              return (
                <tr key={k} aria-rowindex={from + i + 2} class={on ? 'selected' : ''}>
                  {p.onSelect && <td class="check"><label class="check-hit"><input type="checkbox" checked={on} aria-label={t('Select {name}', { name: plain(cols[0]?.value(r)) })}
                    onChange={(e) => toggle(k, e.currentTarget.checked)} /></label></td>}
                  {cols.map((c, j) => {
                    const body = c.render ? c.render(r) : plain(c.value(r));
                    const cls = `${c.numeric ? 'right num' : ''}${c.min ? ' min' : ''}`;
                    return j === 0 ? <th key={c.id} scope="row" class={cls}>{body}</th> : <td key={c.id} class={cls}>{body}</td>;
                  })}
                </tr>
              );
            })}
            {to < rows.length && <tr class="spacer" aria-hidden="true"><td colSpan={cols.length + 1} style={{ height: `${(rows.length - to) * ROW}px` }} /></tr>}
          </tbody>
        </table>
      </div>
      {p.after}
    </div>
  );
}
