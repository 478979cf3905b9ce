// SPDX-License-Identifier: Apache-2.0
// All runs, however many: the server filters, sorts and gives the rows and columns in sight. What a
// person changes (filter, order, columns with their widths and which stay in sight) is in the URL, and a
// saved view is that under a name; the selection stays when runs arrive.
import { signal } from '@preact/signals';
import { useCallback, useEffect, useMemo, useState } from 'preact/hooks';
import { ago, int, ms, num, stamp } from '../format';
import { t } from '../i18n';
import { said } from '../phrases';
import { href, navigate, runPath, seg, setQuery } from '../router';
import { fetchAll, RunCache } from '../runtable';
import { fresh, reload, runsQuery, type ViewProps } from '../state';
import { Empty, StatusMark } from '../ui/bits';
import { FilterBox } from '../ui/filter';
import { Grid, WIDTH_MAX, WIDTH_MIN, type GridCol } from '../ui/grid';
import { Icon } from '../ui/icons';
import { lazy } from '../ui/lazy';
import type { Thing } from '../ui/lifecycle';
import { Chooser, CopyMenu, type Col } from '../ui/table';
import { Menu } from '../ui/menu';
import { toast } from '../ui/toast';
import { VersionLink } from '../ui/objects';
import { life } from './run';

const SavedViews = lazy<{ state: Record<string, string> }>(() => import('../ui/savedviews'));
/* What a saved view keeps of the URL. */
export const VIEW_KEYS = ['filter', 'order_by', 'experiment', 'columns', 'widths', 'pin', 'diff'];

const selected = signal<Set<string>>(new Set());
const EXPORT_MAX = 100_000, COPY_MAX = 1000;

const ATTRIBUTES = ['name', 'status', 'start_time', 'duration', 'model_versions', 'experiment', 'dataset.name', 'dataset.digest', 'user', 'run_id', 'status_reason', 'model', 'end_time', 'artifact_uri'];

function attribute(id: string): Omit<GridCol, 'id'> | null {
  switch (id) {
    case 'name': return { label: t('Run'), width: 220 };
    case 'status': return { label: t('Status'), width: 118 };
    case 'start_time': return { label: t('Started'), width: 132, numeric: true };
    case 'end_time': return { label: t('Ended'), width: 132, numeric: true };
    case 'duration': return { label: t('Duration'), width: 104, numeric: true };
    case 'model_versions': return { label: t('Version'), width: 150, unsortable: true };
    case 'experiment': return { label: t('Experiment'), width: 150 };
    case 'dataset.name': return { label: t('Dataset'), width: 130 };
    case 'dataset.digest': return { label: t('Digest'), width: 130 };
    case 'user': return { label: t('User'), width: 110 };
    case 'run_id': return { label: t('Run id'), width: 290 };
    case 'status_reason': return { label: t('Reason'), width: 260 };
    case 'model': return { label: t('Model'), width: 130 };
    case 'artifact_uri': return { label: t('Artifacts'), width: 300 };
    default: return null;
  }
}

const width = (label: string, least: number) => Math.max(least, Math.min(260, Math.round(label.length * 7.4) + 36));

/* 'metrics.a.b' → its column; null when the name is none. */
function column(id: string): GridCol | null {
  const known = attribute(id);
  if (known) return { id, ...known };
  const m = /^(metrics|metrics_min|metrics_max|params|tags)\.(.+)$/.exec(id);
  if (!m) return null;
  const label = m[2]!, numeric = m[1]!.startsWith('metrics');
  const group = m[1] === 'metrics' ? t('metric') : m[1] === 'metrics_min' ? t('lowest') : m[1] === 'metrics_max' ? t('highest') : m[1] === 'params' ? t('param') : t('tag');
  return { id, label, group, numeric, width: width(label, numeric ? 104 : 120) };
}

/* Keys that are no plain word stand in backticks in the expression language. */
const expression = (id: string) => id.replace(/^(\w+)\.(.*[^\w.].*)$/, (_, e: string, k: string) => `${e}.\`${k}\``);

export function orderOf(text: string | null): string {
  const m = /^(.*?)(?:\s+(asc|desc))?$/i.exec(text ?? ''), id = (m?.[1] ?? '').replace(/`/g, '');
  return id ? (m?.[2]?.toLowerCase() === 'desc' ? `-${id}` : id) : '-start_time';
}

/* 'metrics.a:140,name:300' → widths by column; what is no width is left out. */
export function widthsOf(text: string | null): Map<string, number> {
  const all = new Map<string, number>();
  for (const one of (text ?? '').split(',')) {
    const at = one.lastIndexOf(':'), w = Number(one.slice(at + 1));
    if (at > 0 && w >= WIDTH_MIN && w <= WIDTH_MAX) all.set(one.slice(0, at), w);
  }
  return all;
}

let cache: RunCache | null = null; /* outlives the view, so that Back finds the rows again */

export default function Runs({ data, route }: ViewProps<'runs'>) {
  const query = runsQuery(route);
  const rows = useMemo(() => {
    const again = cache?.query === query;
    const c = again ? cache! : (cache = new RunCache(query));
    c.put(data.table, again);
    return c;
  }, [query, data.table]);
  const [keys, setKeys] = useState<{ from: unknown; names: string[] }>({ from: null, names: [] });
  if (data.table.keys && keys.from !== data.table) {
    const k = data.table.keys, names = new Set(keys.names);
    for (const x of k.metrics) names.add(`metrics.${x}`);
    for (const x of k.params) names.add(`params.${x}`);
    for (const x of k.tags) if (!x.startsWith('mlflow.')) names.add(`tags.${x}`);
    setKeys({ from: data.table, names: [...names] });
  }
  rows.version.value; /* draws again when rows arrive */

  const chosen = route.query.get('columns'), differing = route.query.get('diff') === '1';
  const experiments = data.experiments?.items ?? [];
  const standard = useMemo(() => {
    const have = data.table.columns.map((c) => c.name), at = (n: string) => { const i = ATTRIBUTES.indexOf(n); return i < 0 ? 99 : i > 4 ? 100 + i : i; };
    return have.filter((n) => n !== 'experiment' || experiments.length > 1).map((n, i) => [n, i] as const).sort((a, b) => at(a[0]) - at(b[0]) || a[1] - b[1]).map((p) => p[0]);
  }, [data.table]);
  const pinText = route.query.get('pin') ?? '', widthText = route.query.get('widths');
  const free = chosen ? chosen.split(',').filter((x) => x !== 'name') : standard.filter((x) => x !== 'name');
  const pins = pinText.split(',').filter((x) => x && free.includes(x)), ids = ['name', ...pins, ...free.filter((x) => !pins.includes(x))];
  let columns = useMemo(() => {
    const widths = widthsOf(widthText);
    return ids.map(column).filter((c): c is GridCol => !!c).map((c) => (widths.has(c.id) ? { ...c, width: widths.get(c.id)! } : c));
  }, [ids.join(), widthText]);
  const onlyName = route.query.has('view') && !VIEW_KEYS.some((k) => route.query.has(k));
  useEffect(() => { if (onlyName) void import('../ui/savedviews').then((m) => m.openView(route.query.get('view')!)); }, [onlyName]);
  if (differing) columns = columns.filter((c, i) => i === 0 || new Set([...rows.known(c.id)].map(String)).size !== 1);

  const sort = orderOf(route.query.get('order_by'));
  const onSort = (id: string, to?: 'asc' | 'desc') => {
    const numeric = column(id)?.numeric, next = to ? (to === 'desc' ? `-${id}` : id) : sort === id ? `-${id}` : sort === `-${id}` ? id : numeric ? `-${id}` : id;
    const text = next.startsWith('-') ? `${expression(next.slice(1))} DESC` : expression(next);
    setQuery({ order_by: text === 'start_time DESC' ? null : text });
  };
  const put = (list: string[], pinned = pins) => setQuery({ columns: list.join(','), pin: pinned.join(',') });
  const onWidth = (id: string, w: number | null) => {
    const widths = widthsOf(widthText);
    if (w === null) widths.delete(id);
    else widths.set(id, w);
    setQuery({ widths: [...widths].map(([k, v]) => `${k}:${v}`).join(',') }, true);
  };
  const onMove = (id: string, to: number) => {
    const list = ids.filter((x) => x !== id), shown = columns.map((c) => c.id).filter((x) => x !== id), before = shown[to];
    list.splice(before === undefined ? list.length : list.indexOf(before), 0, id);
    put(list, list.filter((x) => pins.includes(x)));
  };
  const onPin = (id: string, on: boolean) => put(ids, on ? [...pins, id] : pins.filter((x) => x !== id));
  const onHide = (id: string) => put(ids.filter((x) => x !== id), pins.filter((x) => x !== id));
  const filter = route.query.get('filter') ?? '';
  const onWindow = useCallback((from: number, to: number, cols: string[]) => rows.need(from, to, cols), [rows]);
  const name = (i: number) => String(rows.value(i, 'name') ?? rows.id(i)?.slice(0, 8) ?? '');
  const cell = (i: number, c: GridCol) => {
    const v = rows.value(i, c.id), id = rows.id(i);
    if (c.id === 'name') return <a class="grid-link" href={href(runPath(id!))} tabIndex={-1}>{v === undefined || v === '' ? id!.slice(0, 8) : String(v)}</a>;
    if (v === undefined) return <span class="grid-wait" />;
    if (v === null) return <span class="muted">–</span>;
    switch (c.id) {
      case 'status': return <StatusMark state={String(v)} />;
      case 'start_time': case 'end_time': return <time dateTime={new Date(Number(v)).toISOString()} title={stamp(Number(v))}>{ago(Number(v))}</time>;
      case 'duration': return ms(Number(v));
      case 'model_versions': return (v as string[]).length ? (v as string[]).map((x) => { const at = x.lastIndexOf(':'); return <VersionLink key={x} name={x.slice(0, at)} version={x.slice(at + 1)} />; }) : <span class="muted">–</span>;
      case 'status_reason': return <span title={String(v)}>{said(String(v))}</span>;
      case 'run_id': case 'dataset.digest': return <code>{String(v)}</code>;
      default: return c.numeric ? <span title={String(v)}>{num(v)}</span> : <span class={c.group === t('param') ? 'num' : undefined} title={String(v)}>{String(v)}</span>;
    }
  };

  /* ---- choosing and exporting ---- */
  const offered = useMemo(() => {
    const list = [...ATTRIBUTES, ...ids.filter((x) => !ATTRIBUTES.includes(x)), ...keys.names, ...keys.names.filter((n) => n.startsWith('metrics.')).flatMap((n) => [n.replace('metrics.', 'metrics_min.'), n.replace('metrics.', 'metrics_max.')])];
    return [...new Set(list)].map(column).filter((c): c is GridCol => !!c).map((c): Col<number> => ({ id: c.id, label: c.label, group: c.group, value: () => null }));
  }, [keys.names, ids.join()]);
  const more = (find: string): Col<number>[] => {
    const clean = find.trim().replace(/,/g, '');
    return clean ? ['metrics', 'params', 'tags'].map((e) => column(`${e}.${clean}`)!).filter((c) => !offered.some((o) => o.id === c.id)).map((c) => ({ id: c.id, label: c.label, group: c.group, value: () => null })) : [];
  };
  const table = async (most: number): Promise<[Col<number>[], number[]]> => {
    const got = await fetchAll(query, columns.map((c) => c.id), Math.min(most, rows.total));
    if (rows.total > most) toast(t('The first {n} rows.', { n: int(most) }));
    const wanted = selected.value, pick = wanted.size && most === COPY_MAX ? got.ids.map((_, i) => i).filter((i) => wanted.has(got.ids[i]!)) : [];
    return [columns.map((c, k): Col<number> => ({ id: c.id, label: c.label, numeric: c.numeric, value: (i) => got.values[k]![i] })), pick.length ? pick : got.ids.map((_, i) => i)];
  };
  const picked = selected.value.size, clear = () => (selected.value = new Set());
  const things = (): Thing[] => [...selected.value].map((id) => ({ kind: 'run', ref: `run/${id}`, name: rows.nameOf(id) }));
  const many = (what: 'delete' | 'move' | 'copy') => life((m) => { if (what === 'delete') m.openDelete(things()); else void m.openTransfer(things(), what === 'copy'); });
  const state = Object.fromEntries(VIEW_KEYS.map((k) => [k, k === 'columns' ? ids.join(',') : route.query.get(k) ?? '']).filter(([, v]) => v)) as Record<string, string>;
  const viewName = route.query.get('view');
  return (
    <div class="page wide runs-page">
      <header class="page-head"><h1 tabIndex={-1}>{t('Runs')}{viewName && <span class="tag">{viewName}</span>}</h1>
        <div class="actions">{experiments.length > 1 && <label class="inline-field"><span>{t('Experiment')}</span>
          <select value={route.query.get('experiment') ?? ''} onChange={(e) => setQuery({ experiment: e.currentTarget.value })}>
            <option value="">{t('All')}</option>{experiments.map((x) => <option key={x.experiment_id} value={x.experiment_id}>{x.name}{x.run_count === undefined ? '' : ` (${int(x.run_count)})`}</option>)}</select></label>}<a class="button" href={href('/experiments')}>{t('Manage experiments')}</a></div>
      </header>
      <FilterBox value={filter} names={['status', 'start_time', 'duration', 'name', 'user', ...keys.names]} placeholder={'metrics.rmse < 60 and params.alpha = "0.1"'} onApply={(f) => setQuery({ filter: f })} />
      {rows.total === 0 ? (filter
        ? <Empty icon="filter" title={t('No run matches this filter')} why={filter} command={`slipway exp ls --filter '${filter}'`} />
        : <Empty icon="runs" title={t('No runs yet')} why={t('A run prepares data, trains, checks and registers a model.')} command="slipway run" />)
        : <div class="table-block">
          <div class="table-tools">
            <div class="grow"><div class="bar">
              <span class="muted num" aria-live="polite">{t('{n} runs', { n: rows.total })}</span>
              <button type="button" class="button small primary" data-action="compare" disabled={picked < 2}
                onClick={() => navigate(href(`/compare?runs=${[...selected.value].map((x) => x.slice(0, picked > 100 ? 10 : 32)).map(seg).join(',')}`))}>{picked ? t('Compare {n}', { n: int(picked) }) : t('Compare')}</button>
              {picked > 0 && <><button type="button" class="button small" onClick={clear}>{t('Clear selection')}</button>
                <Menu label={t('More')} left><ul class="menu-list">
                  <li><button type="button" onClick={() => many('move')}>{t('Move to an experiment')}…</button></li>
                  <li><button type="button" onClick={() => many('copy')}>{t('Copy to an experiment')}…</button></li>
                  <li><button type="button" class="bad-text" onClick={() => many('delete')}>{t('Delete')}…</button></li></ul></Menu></>}
              {fresh.value > 0 && <button type="button" class="pill" onClick={() => { fresh.value = 0; void reload(); }}><Icon name="up" size={12} /> {t('{n} new', { n: fresh.value })}</button>}
            </div></div>
            <button type="button" class="button small" aria-pressed={differing} onClick={() => setQuery({ diff: differing ? null : '1' })}>{t('Only differing')}</button>
            <Menu label={t('Views')} icon="save" wide><SavedViews state={state} /></Menu>
            <Menu label={t('Columns')} icon="columns" wide>
              <Chooser columns={offered} more={more} shown={columns.map((c) => offered.find((o) => o.id === c.id) ?? { id: c.id, label: c.label, group: c.group, value: () => null })}
                onChange={(list) => setQuery({ columns: list ? ['name', ...list.filter((x) => x !== 'name')].join(',') : null, pin: list ? pins.filter((x) => list.includes(x)).join(',') : null, widths: list ? widthText : null, diff: null }, true)} />
            </Menu>
            <CopyMenu copy={() => table(COPY_MAX)} all={() => table(EXPORT_MAX)} />
          </div>
          {rows.failed.value ? <p class="inline-error" role="alert">{(rows.failed.value as Error).message}</p> : null}
          <Grid label={t('Runs')} total={rows.total} columns={columns} rowId={(i) => rows.id(i)} rowName={name} cell={cell} sort={sort} onSort={onSort} pinned={columns.filter((c) => pins.includes(c.id)).length} onWidth={onWidth} onMove={onMove} onPin={onPin} onHide={onHide}
            selected={selected.value} onSelect={(s) => (selected.value = s)} onWindow={onWindow} onOpen={(i) => { const id = rows.id(i); if (id) navigate(href(runPath(id))); }} />
        </div>}
    </div>
  );
}
