// SPDX-License-Identifier: Apache-2.0
// All runs: filter in the expression language (the server evaluates it), columns from what the runs
// recorded, selection for comparing.
import { signal } from '@preact/signals';
import { useMemo, useState } from 'preact/hooks';
import { get } from '../api';
import { ms, num } from '../format';
import { t } from '../i18n';
import { href, navigate, seg, setQuery } from '../router';
import { fresh, reload, viewUrl, type ViewProps } from '../state';
import type { Page, Run, Views } from '../types';
import { Empty, Num, StatusMark, Time } from '../ui/bits';
import { FilterBox } from '../ui/filter';
import { Icon } from '../ui/icons';
import { DatasetLink, RunLink, VersionLink, runName } from '../ui/objects';
import { Table, type Col } from '../ui/table';

const selected = signal<Set<string>>(new Set());

function columns(rows: Run[]): Col<Run>[] {
  const keys = (pick: (r: Run) => Record<string, unknown> | undefined) => {
    const seen = new Map<string, number>();
    for (const r of rows) for (const k of Object.keys(pick(r) ?? {})) seen.set(k, (seen.get(k) ?? 0) + 1);
    return [...seen.entries()].sort((a, b) => b[1] - a[1]).map((e) => e[0]);
  };
  const metrics = keys((r) => r.metrics).sort((a, b) => Number(a.includes('.')) - Number(b.includes('.')));
  const params = keys((r) => r.params), tags = keys((r) => r.tags).filter((k) => !k.startsWith('mlflow.'));
  const asNumber = (v: unknown) => (typeof v === 'string' && v !== '' && Number.isFinite(Number(v)) ? Number(v) : v);
  return [
    { id: 'name', label: t('Run'), value: runName, render: (r) => <RunLink id={r.run_id} name={runName(r)} /> },
    { id: 'status', label: t('Status'), value: (r) => r.status, render: (r) => <span title={r.status_reason ?? undefined}><StatusMark state={r.status} /></span> },
    { id: 'start', label: t('Started'), numeric: true, value: (r) => r.start_time_ms, render: (r) => <Time at={r.start_time_ms} /> },
    { id: 'duration', label: t('Duration'), numeric: true, value: (r) => r.duration_ms, render: (r) => ms(r.duration_ms) },
    { id: 'version', label: t('Version'), value: (r) => r.model_versions?.map((v) => `${v.name}:${v.version}`).join(' '), render: (r) => r.model_versions?.map((v) => <VersionLink key={v.name} {...v} />) },
    ...metrics.map((k, i): Col<Run> => ({ id: `metrics.${k}`, group: t('metric'), label: k, numeric: true, hidden: i >= 4, value: (r) => r.metrics?.[k], render: (r) => <Num v={r.metrics?.[k]} /> })),
    ...params.map((k, i): Col<Run> => ({ id: `params.${k}`, group: t('param'), label: k, numeric: rows.every((r) => typeof asNumber(r.params?.[k] ?? 0) === 'number'), hidden: i >= 4, value: (r) => asNumber(r.params?.[k]), render: (r) => <span class="num" title={r.params?.[k]}>{r.params?.[k] ?? '–'}</span> })),
    { id: 'dataset', label: t('Dataset'), value: (r) => r.dataset?.digest, render: (r) => (r.dataset ? <DatasetLink {...r.dataset} /> : '–') },
    { id: 'experiment', label: t('Experiment'), value: (r) => r.experiment, hidden: true },
    { id: 'user', label: t('User'), value: (r) => r.user, hidden: true },
    { id: 'run_id', label: t('Run id'), value: (r) => r.run_id, render: (r) => <code>{r.run_id}</code>, hidden: true },
    { id: 'reason', label: t('Reason'), value: (r) => r.status_reason, hidden: true },
    ...tags.map((k): Col<Run> => ({ id: `tags.${k}`, group: t('tag'), label: k, hidden: true, value: (r) => r.tags?.[k] })),
  ];
}

export default function Runs({ data, route }: ViewProps<'runs'>) {
  const [more, setMore] = useState<{ from: Page<Run>; rows: Run[]; next: string | null | undefined } | null>(null);
  const extra = more && more.from === data.runs ? more : null;
  const rows = useMemo(() => [...data.runs.items, ...(extra?.rows ?? [])], [data.runs, extra]);
  const cols = useMemo(() => columns(rows), [rows]);
  const next = extra ? extra.next : data.runs.next_page_token;
  const filter = route.query.get('filter') ?? '';
  const known = new Set(rows.map((r) => r.run_id)), picked = [...selected.value].filter((id) => known.has(id));
  const load = async () => {
    const url = viewUrl(route), page = await get<Views['runs']>(`${url}${url.includes('?') ? '&' : '?'}page_token=${seg(next!)}`);
    setMore({ from: data.runs, rows: [...(extra?.rows ?? []), ...page.runs.items], next: page.runs.next_page_token });
  };
  const names = ['status', 'start_time', 'duration', 'name', 'user', ...cols.filter((c) => c.group).map((c) => c.id)];
  const experiments = data.experiments?.items ?? [];
  return (
    <div class="page wide">
      <header class="page-head"><h1 tabIndex={-1}>{t('Runs')}</h1>
        {experiments.length > 1 && <label class="inline-field"><span>{t('Experiment')}</span>
          <select value={route.query.get('experiment') ?? ''} onChange={(e) => setQuery({ experiment: e.currentTarget.value })}>
            <option value="">{t('All')}</option>{experiments.map((x) => <option key={x.experiment_id} value={x.experiment_id}>{x.name}</option>)}</select></label>}
      </header>
      <FilterBox value={filter} names={names} placeholder={'metrics.rmse < 60 and params.alpha = "0.1"'} onApply={(f) => setQuery({ filter: f })} />
      {rows.length === 0 ? (filter
        ? <Empty icon="filter" title={t('No run matches this filter')} why={filter} command={`slipway exp ls --filter '${filter}'`} />
        : <Empty icon="runs" title={t('No runs yet')} why={t('A run prepares data, trains, checks and registers a model.')} command="slipway run" />)
        : <Table label={t('Runs')} rows={rows} columns={cols} rowKey={(r) => r.run_id} urlKey="" sort="-start" tools
          selected={selected.value} onSelect={(s) => (selected.value = s)}
          before={<div class="bar">
            <span class="muted num" aria-live="polite">{t('{n} runs', { n: rows.length })}{next ? '+' : ''}</span>
            <button type="button" class="button small primary" data-action="compare" disabled={picked.length < 2}
              onClick={() => navigate(href(`/compare?runs=${picked.map(seg).join(',')}`))}>{picked.length ? t('Compare {n}', { n: num(picked.length) }) : t('Compare')}</button>
            {picked.length > 0 && <button type="button" class="button small" onClick={() => (selected.value = new Set())}>{t('Clear selection')}</button>}
            {fresh.value > 0 && <button type="button" class="pill" onClick={() => { fresh.value = 0; void reload(); }}><Icon name="up" size={12} /> {t('{n} new', { n: fresh.value })}</button>}
          </div>}
          after={next ? <div class="actions centre"><button type="button" class="button" onClick={() => void load()}>{t('Load more')}</button></div> : undefined} />}
    </div>
  );
}
