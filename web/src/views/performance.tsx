// SPDX-License-Identifier: Apache-2.0
// The realised error of an endpoint over time, with its interval, beside what the evaluation promised;
// how many true values are in; when versions changed and alerts fired.
import { int, known, ms, num, percent } from '../format';
import { t } from '../i18n';
import { setQuery } from '../router';
import type { ViewProps } from '../state';
import type { PerformanceWindow, StoryEvent } from '../types';
import { Lines } from '../charts/lines';
import { CommandLine, Empty, KeyFacts, Section, WithInterval } from '../ui/bits';
import { EndpointHead, RANGES, span } from '../ui/endpointhead';
import { Figure } from '../ui/figure';

const COLORS = ['--series-1', '--series-3', '--series-4', '--series-5'], METRICS = ['rmse', 'mae', 'bias'] as const;
type Metric = (typeof METRICS)[number];

/* Moves of the endpoint and alerts, as marks on the time axis. */
function marks(events: StoryEvent[], from: number): { t: number; text: string; color?: string }[] {
  return [...events].filter((e) => e.time_ms >= from).sort((a, b) => a.time_ms - b.time_ms).flatMap((e) => {
    const v = String(e.after?.version ?? '');
    if (/^endpoint\.(created|deployed|promoted|rolled_back)$/.test(e.kind)) return [{ t: e.time_ms, text: `v${v}`, color: '--accent-text' }];
    if (e.kind === 'rollout.rolled_back') return [{ t: e.time_ms, text: `v${v} ✕`, color: '--warn' }];
    return e.kind === 'alert.firing' ? [{ t: e.time_ms, text: `▲ ${String(e.after?.alert ?? '')}`, color: '--bad' }] : [];
  });
}

const median = (xs: number[]) => [...xs].sort((a, b) => a - b)[xs.length >> 1] ?? null;

export default function Performance({ data, route }: ViewProps<'performance'>) {
  const name = route.params.name!, p = data.performance, list = p.windows, ref = p.reference, metric = (METRICS as readonly string[]).includes(route.query.get('metric') ?? '') ? (route.query.get('metric') as Metric) : 'rmse';
  const starts = [...new Set(list.map((w) => w.start_ms))], at = new Map(starts.map((s, i) => [s, i])), versions = [...new Set(list.map((w) => w.version))].sort((a, b) => Number(a) - Number(b)), limit = Number(route.query.get('limit')) || RANGES[0]!;
  const by = (version: string, pick: (w: PerformanceWindow) => number | null) => { const out: (number | null)[] = starts.map(() => null); for (const w of list) if (w.version === version) out[at.get(w.start_ms)!] = pick(w); return out; };
  const show = (w: PerformanceWindow) => { const v = known(w[metric]); return v === null ? null : metric === 'bias' ? Math.abs(v) : v; };
  const labelled = list.reduce((s, w) => s + w.labelled, 0), all = list.reduce((s, w) => s + w.n, 0), window = list.length ? list[0]!.end_ms - list[0]!.start_ms : 0;
  const full = list.filter((w) => w.labelled > 0 && w.judged_ms), delay = median(full.map((w) => Math.max(0, w.judged_ms! - w.end_ms))), newest = [...list].reverse().find((w) => known(w.rmse) !== null && known(w.rmse_low) !== null);
  const promised = ref ? known(ref[metric]) : null, signs = marks(data.story?.items ?? [], starts[0] ?? 0);
  const table = () => ({ head: [t('Window'), t('Version'), t('Predictions'), t('Labelled'), 'rmse', t('Low'), t('High'), 'mae', t('Bias'), t('Last label after')], rows: [...list].reverse().map((w) => [new Date(w.start_ms).toISOString().slice(0, 19).replace('T', ' '), `v${w.version}`, w.n, w.labelled, known(w.rmse), known(w.rmse_low), known(w.rmse_high), known(w.mae), known(w.bias), w.labelled && w.judged_ms ? ms(Math.max(0, w.judged_ms - w.end_ms)) : null]) });
  return (
    <div class="page wide">
      <EndpointHead name={name} at="performance" title={t('Error over time')} />
      <KeyFacts items={[
        [t('In evaluation'), ref && known(ref.rmse) !== null ? <><span class="muted">rmse</span> <WithInterval v={{ value: known(ref.rmse), low: known(ref.rmse_low), high: known(ref.rmse_high) }} /></> : t('not known')],
        [t('Newest realised'), newest ? <><span class="muted">rmse</span> <WithInterval v={{ value: known(newest.rmse), low: known(newest.rmse_low), high: known(newest.rmse_high) }} /> <span class="tag num">v{newest.version}</span></> : t('too few labels')],
        [t('Label coverage'), <span class="num">{all ? percent(labelled / all, 1) : '–'}</span>], [t('Labels'), <span class="num">{int(labelled)} <span class="muted">/ {int(all)}</span></span>],
        [t('Label delay, median'), delay !== null ? <span class="num">{ms(delay)}</span> : ''],
      ]} />
      <Section title={t('Realised error')} aside={list.length > 0 && <div class="actions">
        <div class="actions" role="group" aria-label={t('Metric')}>{METRICS.map((m) => <button key={m} type="button" class="button small" aria-pressed={m === metric} onClick={() => setQuery({ metric: m === 'rmse' ? null : m }, true)}>{m}</button>)}</div>
        <div class="actions" role="group" aria-label={t('How far back')}>{RANGES.map((k) => <button key={k} type="button" class="button small" aria-pressed={limit === k} onClick={() => setQuery({ limit: k === RANGES[0] ? null : String(k) }, true)}>{span(k * window)}</button>)}</div>
      </div>}>
        {list.length > 1 ? <>
          <Figure title={metric === 'bias' ? t('|bias| by window') : `${metric} ${t('by window')}`} table={table}
            summary={promised !== null ? t('The dashed line is the evaluation of the version that is wanted: {value}. Bands are 95 % intervals; below 30 labels there is none.', { value: num(metric === 'bias' ? Math.abs(promised) : promised) }) : t('Bands are 95 % intervals; below 30 labels there is none.')}>
            <Lines label={t('Realised error by window')} t={starts} height={300} marks={signs}
              series={[...versions.map((v, i) => ({ label: `v${v}`, values: by(v, (w) => (w.labelled >= 10 ? show(w) : null)), color: COLORS[i % COLORS.length]! })), ...(promised !== null ? [{ label: t('in evaluation'), values: starts.map(() => (metric === 'bias' ? Math.abs(promised) : promised)), color: '--series-2', dash: [5, 4] }] : [])]}
              bands={metric === 'rmse' ? versions.map((v, i) => ({ low: by(v, (w) => known(w.rmse_low)), high: by(v, (w) => known(w.rmse_high)), color: COLORS[i % COLORS.length]! })) : []} />
          </Figure>
          <Figure title={t('Label coverage by window')} table={table} summary={delay !== null ? t('True values come {time} after the end of a window, in the median; late ones still change their window.', { time: ms(delay) }) : t('No true value has come yet.')}>
            <Lines label={t('Label coverage by window')} t={starts} height={150} top={1.05} series={versions.map((v, i) => ({ label: `v${v}`, values: by(v, (w) => (w.n ? w.labelled / w.n : null)), color: COLORS[i % COLORS.length]!, fill: versions.length === 1 }))} />
          </Figure>
          <p class="muted small">{t('Marks: a version begins to serve (v2), was sent back (v2 ✕), an alert fired (▲).')}</p>
        </> : <Empty icon="endpoints" title={t('No window with true values yet')} why={t('Report true values by prediction id; each one finds its window, however late.')} command={`slipway monitor labels ${name} outcomes.csv`} />}
      </Section>
      <CommandLine label={t('CLI')} text={`slipway monitor windows ${name}`} />
    </div>
  );
}
