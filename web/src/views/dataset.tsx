// SPDX-License-Identifier: Apache-2.0
// One dataset version: each column at a glance, what is odd, who uses it.
import { bytes, int, num, percent, short } from '../format';
import { t } from '../i18n';
import { datasetPath, href, setQuery } from '../router';
import type { ViewProps } from '../state';
import type { Column, Dataset as Shape } from '../types';
import { HeaderHistogram } from '../charts/marks';
import { CommandLine, Digest, Empty, Fold, KeyFacts, Num, Section, StatusMark, Time } from '../ui/bits';
import { Figure } from '../ui/figure';
import { FileList, RunLink, VersionLink, Warnings } from '../ui/objects';
import { Table, type Col } from '../ui/table';

function roleName(role: string | undefined): string {
  switch (role) {
    case 'feature': return t('feature');
    case 'target': return t('target');
    case 'key': return t('key');
    case 'time': return t('time');
    case 'ignored': return t('ignored');
    default: return role ?? '';
  }
}

/* One card a column, as the header of the data: name, type, shape of the values, what is missing. */
function ColumnCard({ c, rows }: { c: Column; rows: number }) {
  const h = c.histogram, top = c.top ?? [], most = Math.max(1, ...top.map((x) => x.count));
  const summary = h ? t('{name}: {n} bins from {min} to {max}', { name: c.name, n: h.counts.length, min: num(c.min), max: num(c.max) }) : t('{name}: {n} different values', { name: c.name, n: c.distinct ?? 0 });
  return (
    <article class={`card column-card role-${c.role ?? 'feature'}`}>
      <header><h3 title={c.name}>{c.name}</h3><span class="muted">{c.type}</span></header>
      {c.role && c.role !== 'feature' && <span class="tag">{roleName(c.role)}</span>}
      {h && h.counts.length > 0 ? <>
        <HeaderHistogram counts={h.counts} label={summary} />
        <div class="hist-ends num muted"><span>{num(h.edges[0], 3)}</span><span>{num(h.edges[h.edges.length - 1], 3)}</span></div>
      </> : top.length > 0 ? <ul class="tops">{top.slice(0, 4).map((x) => (
        <li key={String(x.value)}><span class="tops-name" title={String(x.value)}>{String(x.value)}</span><svg viewBox="0 0 60 6" preserveAspectRatio="none" aria-hidden="true" focusable="false"><rect width={(x.count / most) * 60} height="6" rx="1" /></svg><span class="num muted">{percent(rows ? x.count / rows : null, 0)}</span></li>))}</ul> : null}
      <dl class="mini-facts">
        <div><dt>{t('missing')}</dt><dd class={`num${c.missing ? ' warn-text' : ''}`}>{c.missing ? percent(rows ? c.missing / rows : null) : '0'}</dd></div>
        <div><dt>{t('distinct')}</dt><dd class="num">{int(c.distinct)}</dd></div>
        {c.mean !== null && c.mean !== undefined && <div><dt>{t('mean')}</dt><dd class="num" title={String(c.mean)}>{num(c.mean, 3)}</dd></div>}
        {c.sd !== null && c.sd !== undefined && <div><dt>{t('sd')}</dt><dd class="num" title={String(c.sd)}>{num(c.sd, 3)}</dd></div>}
      </dl>
    </article>
  );
}

function used(d: Shape) {
  const runs = (d.used_by?.runs ?? []).map((r) => (typeof r === 'string' ? { run_id: r } : r) as { run_id: string; name?: string });
  const models = (d.used_by?.models ?? []).map((m) => { if (typeof m !== 'string') return m; const [name, version] = m.split(':'); return { name: name!, version }; });
  return { runs, models };
}

export default function Dataset({ data, route }: ViewProps<'dataset'>) {
  const d = data.dataset, columns = d.columns ?? [], rows = d.rows ?? 0, files = Array.isArray(d.files) ? d.files : [];
  const asTable = route.query.get('view') === 'table', { runs, models } = used(d), total = files.reduce((s, f) => s + f.bytes, 0);
  const cols: Col<Column>[] = [
    { id: 'name', label: t('Column'), value: (c) => c.name, render: (c) => <code>{c.name}</code> },
    { id: 'type', label: t('Type'), value: (c) => c.type }, { id: 'role', label: t('Role'), value: (c) => roleName(c.role) },
    { id: 'missing', label: t('Missing'), numeric: true, value: (c) => c.missing, render: (c) => int(c.missing) },
    { id: 'distinct', label: t('Distinct'), numeric: true, value: (c) => c.distinct, render: (c) => int(c.distinct) },
    ...(['min', 'max', 'mean', 'sd'] as const).map((k): Col<Column> => ({ id: k, label: k, numeric: true, value: (c) => c[k], render: (c) => <Num v={c[k]} /> })),
    ...['5 %', '25 %', '50 %', '75 %', '95 %'].map((label, i): Col<Column> => ({ id: `q${i}`, label, numeric: true, hidden: true, value: (c) => c.quantiles?.[i + 1], render: (c) => <Num v={c.quantiles?.[i + 1]} /> })),
  ];
  return (
    <div class="page wide">
      <header class="page-head"><div><p class="crumbs"><a href={href('/datasets')}>{t('Datasets')}</a></p><h1 tabIndex={-1}>{d.name}</h1></div>
        {(d.versions?.length ?? 0) > 1 && <label class="inline-field"><span>{t('Version')}</span>
          <select value={d.digest} onChange={(e) => setQuery({ digest: e.currentTarget.value })}>{d.versions!.map((v) => <option key={v.digest} value={v.digest}>{short(v.digest)} · {int(v.rows)}</option>)}</select></label>}</header>
      <KeyFacts items={[[t('Digest'), <Digest hex={d.digest} />], [t('Rows'), <Num v={rows} />], [t('Columns'), <Num v={columns.length || d.columns_n} />], [t('Size'), files.length ? bytes(total) : ''],
        [t('Target'), d.target ?? columns.find((c) => c.role === 'target')?.name ?? ''], [t('Key'), d.key ?? ''], [t('Recorded'), <Time at={d.creation_time_ms} />]]} />
      <Warnings texts={d.warnings} />
      <Section title={t('Columns')} aside={<button type="button" class="button small" aria-pressed={asTable} onClick={() => setQuery({ view: asTable ? null : 'table' }, true)}>{t('View as table')}</button>}>
        {!columns.length ? <Empty title={t('No columns')} why={t('This version was recorded without a profile.')} />
          : asTable ? <Table label={t('Columns')} rows={columns} columns={cols} rowKey={(c) => c.name} urlKey="c" tools />
            : <Figure summary={t('{n} columns, each with the distribution of its values.', { n: columns.length })}><div class="cards columns">{columns.slice(0, 80).map((c) => <ColumnCard key={c.name} c={c} rows={rows} />)}</div>
              {columns.length > 80 && <p class="muted">{t('The first 80 of {n}; the table shows all.', { n: columns.length })}</p>}</Figure>}
      </Section>
      <div class="two">
        <Section title={t('Used by')}>
          {runs.length + models.length === 0 ? <p class="muted">{t('Nothing uses this version.')}</p> : <>
            {models.length > 0 && <p>{t('Models')}: {models.slice(0, 20).map((m, i) => <>{i > 0 && ', '}{m.version ? <VersionLink key={i} name={m.name} version={m.version} /> : m.name}</>)}</p>}
            {runs.length > 0 && <p>{t('Runs')}: {runs.slice(0, 20).map((r, i) => <>{i > 0 && ', '}<RunLink key={r.run_id} id={r.run_id} name={r.name} /></>)}</p>}</>}
        </Section>
        <Section title={t('Versions')}><ul class="plain-list">{(d.versions ?? []).slice(0, 20).map((v) => <li key={v.digest}><a href={href(datasetPath(d.name, v.digest))}><code>{short(v.digest)}</code></a> <span class="muted num">{t('{n} rows', { n: v.rows ?? 0 })} · <Time at={v.creation_time_ms} /></span>{v.digest === d.digest && <StatusMark state="ready" label={t('shown')} />}</li>)}</ul></Section>
      </div>
      {files.length > 0 && <Fold summary={t('{n} files', { n: files.length })}><FileList files={files} /></Fold>}
      <CommandLine label={t('CLI')} text={`slipway data show ${d.name}@${short(d.digest)}`} />
    </div>
  );
}
