// SPDX-License-Identifier: Apache-2.0
// Runs or versions beside each other: what differs first, equal rows folded away, the best value bold,
// the difference to a chosen baseline.
import { useState } from 'preact/hooks';
import { int, num, plain } from '../format';
import { t } from '../i18n';
import { href, modelPath, refPath, runPath, seg, setQuery } from '../router';
import type { ViewProps } from '../state';
import type { CompareTable } from '../types';
import { CommandLine, Empty, Section } from '../ui/bits';
import { better } from '../ui/objects';
import { copyText } from '../ui/bits';
import { Icon } from '../ui/icons';

import type { ChartsProps } from '../charts/metrics';
import { lazy } from '../ui/lazy';

const MetricCharts = lazy<ChartsProps>(async () => ({ default: (await import('./endpoint')).MetricCharts })); /* the one chunk with the chart library */
const WIDE_FROM = 12, COLUMNS = 8, ROWS = 40; /* more columns are shown by pages beside the baseline */

type Row = CompareTable['sections'][number]['rows'][number];

export function sectionName(name: string): string {
  switch (name) {
    case 'params': return t('Parameters');
    case 'metrics': return t('Metrics');
    case 'data': return t('Data');
    case 'code': return t('Code');
    case 'environment': return t('Environment');
    case 'coefficients': return t('Coefficients');
    case 'gates': return t('Gates');
    default: return name;
  }
}

function best(row: Row, how: 'low' | 'high' | null): number {
  if (!how || !row.differs) return -1;
  let at = -1;
  row.values.forEach((v, i) => { if (typeof v === 'number' && (at < 0 || (how === 'low' ? v < (row.values[at] as number) : v > (row.values[at] as number)))) at = i; });
  return at;
}

/* {value, low, high} counts as its value. */
const flat = (v: unknown): unknown => (v && typeof v === 'object' && 'value' in v ? (v as { value: unknown }).value : v);

function Cell({ value, bold, base, isBase }: { value: unknown; bold: boolean; base: unknown; isBase: boolean }) {
  const delta = typeof value === 'number' && typeof base === 'number' && !isBase && value !== base ? value - base : null;
  return (
    <td class={`num${bold ? ' best' : ''}`} title={typeof value === 'number' ? String(value) : undefined}>
      <span class="breakable">{plain(value)}</span>{bold && <span class="offscreen"> {t('(best)')}</span>}
      {!isBase && <span class="delta"> {delta === null ? '' : `${delta > 0 ? '+' : ''}${num(delta, 3)}`}</span>}
    </td>
  );
}

function toMarkdown(c: CompareTable): string {
  const bar = (l: unknown[]) => `| ${l.map((x) => plain(x).replace(/\|/g, '\\|').replace(/\n/g, ' ')).join(' | ')} |`;
  return [bar(['', ...c.columns.map((x) => x.label)]), bar(['---', ...c.columns.map(() => '---:')]),
    ...c.sections.flatMap((s) => s.rows.filter((r) => r.differs).map((r) => bar([`${s.name}.${r.key}`, ...r.values.map(flat)])))].join('\n');
}

export default function Compare({ data, route }: ViewProps<'compare'>) {
  const c = data.compare, q = route.query, model = q.get('model');
  const base = Math.min(Math.max(0, Number(q.get('base') ?? 0) || 0), Math.max(0, c.columns.length - 1));
  const all = q.get('all') === '1';
  const [start, setStart] = useState(0), [long, setLong] = useState<Set<string>>(new Set());
  const others = c.columns.map((_, i) => i).filter((i) => i !== base), wide = c.columns.length > WIDE_FROM;
  const from = Math.min(start, Math.max(0, others.length - COLUMNS)), shownColumns = wide ? [base, ...others.slice(from, from + COLUMNS)] : c.columns.map((_, i) => i);
  const metrics = model ? [] : c.sections.find((s) => s.name === 'metrics')?.rows.map((r) => r.key) ?? [];
  const cli = model ? `slipway model compare ${(q.get('versions') ?? '').split(',').map((v) => `${model}:${v}`).join(' ')}` : `slipway exp compare ${(q.get('runs') ?? '').split(',').map((r) => `run/${r.slice(0, 8)}`).join(' ')}`;
  const link = (ref: string, label: string) => refPath(ref) ?? (model ? modelPath(model, ref.split(':').pop() ?? label) : runPath(ref));
  const drop = (i: number) => {
    const list = (model ? q.get('versions') : q.get('runs'))?.split(',') ?? [];
    list.splice(i, 1);
    setQuery({ [model ? 'versions' : 'runs']: list.map(seg).map(decodeURIComponent).join(','), base: null });
  };
  return (
    <div class="page wide">
      <header class="page-head"><h1 tabIndex={-1}>{model ? t('Compare versions of {name}', { name: model }) : t('Compare runs')}</h1>
        <div class="actions">
          {wide && <><span class="muted num" aria-live="polite">{t('{a}–{b} of {n}', { a: from + 1, b: Math.min(from + COLUMNS, others.length), n: others.length })}</span>
            <button type="button" class="button small" disabled={from === 0} onClick={() => setStart(Math.max(0, from - COLUMNS))} aria-label={t('The columns before')}>←</button>
            <button type="button" class="button small" disabled={from + COLUMNS >= others.length} onClick={() => setStart(from + COLUMNS)} aria-label={t('The next columns')}>→</button></>}
          <button type="button" class="button small" aria-pressed={!all} onClick={() => setQuery({ all: all ? null : '1' })}>{t('Only differing')}</button>
          <button type="button" class="button small" onClick={() => void copyText(toMarkdown(c))}>{t('Copy as Markdown')}</button></div></header>
      {c.columns.length < 2 && <Empty title={t('Choose at least two')} why={t('Select rows in the table of runs or versions, then Compare.')} command="slipway exp compare run/A run/B" />}
      {c.sections.filter((s) => s.rows.length).map((s) => {
        const rows = [...s.rows].sort((a, b) => Number(b.differs) - Number(a.differs)), shown = all ? rows : rows.filter((r) => r.differs), equal = rows.length - rows.filter((r) => r.differs).length, cut = long.has(s.name) ? shown.length : Math.min(shown.length, ROWS);
        return (
          <Section key={s.name} title={sectionName(s.name)} aside={equal > 0 && !all ? <button type="button" class="link-button" onClick={() => setQuery({ all: '1' })}>{t('{n} equal', { n: equal })}</button> : undefined}>
            {shown.length ? <div class="table-scroll" tabIndex={0} role="region" aria-label={sectionName(s.name)}>
              <table class="compare"><caption class="offscreen">{sectionName(s.name)}</caption>
                <thead><tr><th scope="col">{t('Name')}</th>{shownColumns.map((i) => [c.columns[i]!, i] as const).map(([col, i]) => (
                  <th key={col.ref} scope="col" class="right"><a href={href(link(col.ref, col.label))}>{col.label}</a>
                    {i === base ? <span class="tag">{t('baseline')}</span> : <button type="button" class="link-button" onClick={() => setQuery({ base: String(i) }, true)} aria-label={`${t('as baseline')}: ${col.label}`}>{t('as baseline')}</button>}
                    {c.columns.length > 2 && <button type="button" class="icon-button" onClick={() => drop(i)} aria-label={t('Remove {name}', { name: col.label })}><Icon name="cross" size={12} /></button>}</th>))}</tr></thead>
                <tbody>{shown.slice(0, cut).map((r) => {
                  const values = r.values.map(flat), b = best({ ...r, values }, r.better ?? (s.name === 'metrics' ? better(r.key) : null));
                  return <tr key={r.key} class={r.differs ? '' : 'equal'}><th scope="row"><code>{r.key}</code></th>{shownColumns.map((i) => [values[i], i] as const).map(([v, i]) => <Cell key={i} value={v} bold={i === b} base={values[base]} isBase={i === base} />)}</tr>;
                })}</tbody></table>
              {cut < shown.length && <div class="actions centre"><button type="button" class="button small" onClick={() => setLong(new Set([...long, s.name]))}>{t('Show {n} more', { n: int(shown.length - cut) })}</button></div>}</div>
              : <p class="muted">{t('All equal.')}</p>}
          </Section>
        );
      })}
      {metrics.length > 0 && <Section title={t('Charts')}><MetricCharts runs={c.columns.map((x) => x.ref.replace(/^run\//, ''))} keys={metrics} live={false} /></Section>}
      <CommandLine label={t('CLI')} text={cli} />
    </div>
  );
}
