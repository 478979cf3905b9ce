// SPDX-License-Identifier: Apache-2.0
// One feature in one window: both distributions, each test with its threshold, and how it went over time.
import { int, known, moment, num, percent, pvalue, stamp } from '../format';
import { t } from '../i18n';
import { setQuery } from '../router';
import type { ViewProps } from '../state';
import type { DriftTest, Feature as Shape } from '../types';
import { Lines } from '../charts/lines';
import { Pairs, type Pair } from '../charts/pairs';
import { CommandLine, KeyFacts, Num, Section, StatusMark } from '../ui/bits';
import { EndpointHead } from '../ui/endpointhead';
import { Figure } from '../ui/figure';
import { Table } from '../ui/table';

/* Cell 0 lies below the first edge, the last one at or above the last; of categories the last is unseen. */
function pairs(f: Shape): Pair[] {
  const sum = (xs: number[]) => Math.max(1, xs.reduce((a, b) => a + b, 0)), rs = sum(f.reference.counts), ws = sum(f.window.counts), last = f.reference.counts.length - 1;
  const label = (i: number) => (f.kind === 'category' ? f.names[i] ?? t('unseen') : i === 0 ? `< ${num(f.edges[0], 3)}` : i === last ? `≥ ${num(f.edges[f.edges.length - 1], 3)}` : num(f.edges[i - 1], 3));
  return f.reference.counts.map((c, i) => ({ label: label(i), reference: c / rs, current: (f.window.counts[i] ?? 0) / ws, outside: f.kind === 'category' ? i === last : i === 0 || i === last }));
}

function methodName(m: string): string {
  switch (m) {
    case 'psi': return t('Population stability index');
    case 'js': return t('Jensen–Shannon distance');
    case 'ks': return t('Kolmogorov–Smirnov');
    case 'w1': return t('Wasserstein distance, in standard deviations');
    case 'chi2': return t('χ² test');
    default: return m;
  }
}

export default function Feature({ data, route }: ViewProps<'feature'>) {
  const f = data.feature, w = f.window, name = route.params.name!, r = f.reference, list = (data.windows?.windows ?? []).filter((x) => x.feature_state), starts = [...new Set(list.map((x) => x.start_ms))];
  const here = starts.indexOf(w.start_ms), go = (i: number) => setQuery({ at: i === starts.length - 1 ? null : String(starts[i]) }, true);
  const test = f.tests[f.method], rows = Object.entries(f.tests).map(([id, x]) => ({ id, ...x })), level = test && known(test.statistic) !== null && known(test.threshold) ? known(test.statistic)! / known(test.threshold)! : null;
  const cells = pairs(f), inWords = f.state === 'insufficient_data' ? t('{n} rows are too few to judge.', { n: int(w.n) }) : level === null ? '' : t('{method} {value}, its threshold {limit}: {x} of it.', { method: f.method, value: num(test!.statistic, 3), limit: num(test!.threshold, 3), x: percent(level, 0) });
  return (
    <div class="page">
      <EndpointHead name={name} at="monitor" crumb title={<>{f.name} <StatusMark state={f.state} /></>}
        aside={starts.length > 1 && <><button type="button" class="button small" disabled={here <= 0} onClick={() => go(here - 1)}>← {t('Earlier')}</button><button type="button" class="button small" disabled={here < 0 || here >= starts.length - 1} onClick={() => go(here + 1)}>{t('Later')} →</button></>} />
      <p class="muted num">{stamp(w.start_ms)} – {moment(w.end_ms, 0)} · v{w.version} · {f.output ? t('an answer of the model') : t('an input')}</p>
      {f.findings.length > 0 && <div class="banner banner-warn"><ul>{f.findings.map((x) => <li key={x}>{x}</li>)}</ul></div>}
      <KeyFacts items={[
        [t('Rows'), <span class="num">{int(w.n)} <span class="muted">/ {int(r.n)}</span></span>], [t('Missing'), <span class="num">{percent(known(w.missing_ratio), 2)} <span class="muted">/ {percent(r.missing / Math.max(1, r.n + r.missing), 2)}</span></span>],
        [t('Out of range'), f.kind === 'number' ? <span class="num">{percent(known(w.out_of_range), 2)}</span> : ''], [t('Unseen'), f.kind === 'category' ? <span class="num">{percent(known(w.unseen), 2)}</span> : ''],
        [t('Mean'), known(w.mean) !== null ? <span class="num">{num(w.mean)} <span class="muted">/ {num(r.mean)}</span></span> : ''], [t('Standard deviation of the reference'), known(r.sd) !== null ? <Num v={r.sd} /> : ''],
        [t('Not a number'), w.bad ? <span class="num">{int(w.bad)}</span> : ''],
      ]} />
      <Section title={t('Distribution')}>
        <Figure summary={inWords} table={() => ({ head: [t('Cell'), t('Reference'), t('This window'), t('Reference, share'), t('This window, share')], rows: cells.map((c, i) => [c.label, r.counts[i] ?? 0, w.counts[i] ?? 0, c.reference, c.current]) })}>
          <Pairs cells={cells} label={t('{name}: shares of the reference and of this window by cell', { name: f.name })} />
        </Figure>
      </Section>
      <Section title={t('Tests')}>
        <Table label={t('Tests')} rows={rows} rowKey={(x) => x.id} columns={[
          { id: 'method', label: t('Method'), value: (x) => x.id, render: (x) => <><code>{x.id}</code> <span class="muted hide-narrow">{methodName(x.id)}</span>{x.id === f.method && <> <span class="tag tag-accent">{t('decides')}</span></>}</> },
          { id: 'state', label: t('Verdict'), value: (x) => x.state, render: (x) => <StatusMark state={x.state} /> },
          ...(['statistic', 'threshold', 'effect'] as const).map((k) => ({ id: k, label: { statistic: t('Statistic'), threshold: t('Threshold'), effect: t('Effect') }[k], numeric: true, value: (x: DriftTest) => known(x[k]), render: (x: DriftTest) => <Num v={known(x[k])} /> })),
          { id: 'p', label: 'p', numeric: true, value: (x) => known(x.p), render: (x) => pvalue(known(x.p)) },
          { id: 'adjusted', label: t('p, adjusted'), numeric: true, value: (x) => known(x.p_adjusted), render: (x) => pvalue(known(x.p_adjusted)) },
        ]} />
        <p class="muted small">{t('Drifted: the adjusted p is below the level and the effect is at least the least one that counts. Adjusted over all features of the window (Benjamini–Hochberg).')}</p>
      </Section>
      {list.length > 1 && <Section title={t('Over time')}>
        <Figure summary={t('Statistic divided by its threshold in {n} windows; above 1 it is beyond.', { n: list.length })} table={() => ({ head: [t('Window'), t('Version'), t('State'), t('Statistic'), t('Level')], rows: list.map((x) => [new Date(x.start_ms).toISOString().slice(0, 19).replace('T', ' '), `v${x.version}`, x.feature_state ?? '', known(x.score), known(x.level)]) })}>
          <Lines label={t('Statistic divided by its threshold')} t={starts} marks={here >= 0 ? [{ t: w.start_ms, text: t('this window') }] : []} series={[
            { label: t('Level'), values: starts.map((s) => Math.max(-1, ...list.filter((x) => x.start_ms === s && x.feature_state !== 'insufficient_data').map((x) => known(x.level) ?? -1))).map((v) => (v < 0 ? null : v)), color: '--series-1' },
            { label: t('Threshold'), values: starts.map(() => 1), color: '--series-2', dash: [5, 4] },
          ]} />
        </Figure>
      </Section>}
      <CommandLine label={t('CLI')} text={`slipway monitor windows ${name} --feature ${f.name}`} />
    </div>
  );
}
