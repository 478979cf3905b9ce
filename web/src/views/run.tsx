// SPDX-License-Identifier: Apache-2.0
// One run: what was done and why, what came out, against what it was measured, how to do it again.
import { useEffect, useRef, useState } from 'preact/hooks';
import { call, word } from '../api';
import { bytes, ms, short } from '../format';
import { t } from '../i18n';
import { connected } from '../live';
import { said } from '../phrases';
import { href, seg } from '../router';
import { reload, type ViewProps } from '../state';
import type { Run as RunShape, Stage } from '../types';
import { CommandLine, Copy, Digest, Empty, Facts, KeyFacts, Num, Section, StatusMark, Time } from '../ui/bits';
import { ActionDialog, openDialog } from '../ui/dialog';
import { CodeFacts, Coefficients, comparisonText, DatasetLink, FitFacts, Gates, KeyValues, MetricsTable, ResidualPlots, runName, SignatureTable, Slices, Stages, VersionLink, Warnings, reproduce } from '../ui/objects';
import type { ChartsProps } from '../charts/metrics';
import { lazy } from '../ui/lazy';
import type { Thing } from '../ui/lifecycle';
import { Menu } from '../ui/menu';
import { Tabs } from '../ui/tabs';

/* Its dialogs are a chunk of their own. */
export const life = (fn: (m: typeof import('../ui/lifecycle')) => unknown) => void import('../ui/lifecycle').then(fn);

const Artifacts = lazy(() => import('../ui/artifacts'));
const MetricCharts = lazy<ChartsProps>(async () => ({ default: (await import('./endpoint')).MetricCharts })); /* the one chunk with the chart library */

const LOG_SHOWN = 2000; /* lines kept on screen; the rest is a download away */

/* The log, followed while the run is going. */
function Log({ run }: { run: RunShape }) {
  const [text, setText] = useState<string | null>(null);
  const [error, setError] = useState('');
  const [find, setFind] = useState('');
  const offset = useRef(0), live = run.status === 'RUNNING' || run.status === 'SCHEDULED';
  useEffect(() => {
    let stop = false, timer = 0;
    const more = async () => {
      try {
        const r = await call('GET', `/api/v1/runs/${seg(run.run_id)}/log?offset=${offset.current}`);
        const chunk = await r.text(), next = Number(r.headers.get('x-next-offset'));
        if (stop) return;
        offset.current = Number.isFinite(next) && next > 0 ? next : offset.current + new TextEncoder().encode(chunk).length;
        setText((old) => (old ?? '') + chunk);
        setError('');
      } catch (e) {
        if (!stop) setError((e as Error).message);
      }
      if (live && !stop) timer = window.setTimeout(more, 1500);
    };
    void more();
    return () => { stop = true; clearTimeout(timer); };
  }, [run.run_id, live]);
  if (error && text === null) return <Empty title={t('There is no log')} why={error} command={`slipway exp show run/${short(run.run_id)}`} />;
  if (text === null) return <p class="muted">{t('Loading')}…</p>;
  const lines = text.split('\n'), folded = find.toLowerCase();
  const shown = (find ? lines.filter((l) => l.toLowerCase().includes(folded)) : lines).slice(-LOG_SHOWN);
  return (
    <div class="log-block">
      <div class="table-tools"><div class="grow"><input type="search" data-filter value={find} aria-label={t('Find in the log')} placeholder={t('Find in the log')} onInput={(e) => setFind(e.currentTarget.value)} /></div>
        <span class="muted num">{t('{n} lines', { n: lines.length })} · {bytes(text.length)}</span><Copy text={text} label={t('Copy the log')} />
        <a class="button small" href={href(`/api/v1/runs/${seg(run.run_id)}/log`)} download={`${short(run.run_id)}.log`}>{t('Download')}</a></div>
      {lines.length > LOG_SHOWN && !find && <p class="muted">{t('The last {n} lines.', { n: LOG_SHOWN })}</p>}
      <pre class="log" tabIndex={0} role="region" aria-label={t('Log')}>{text.trim() ? shown.join('\n') : t('The log is empty.')}</pre>
    </div>
  );
}

function Overview({ run }: { run: RunShape }) {
  const r = run.result, stages: Stage[] = run.stages?.length ? run.stages : r?.stages?.length ? r.stages : latest(run.progress ?? []);
  return <>
    {(r?.error?.message || run.status_reason) && run.status !== 'FINISHED' && <div class={`banner ${r?.state === 'refused' ? 'banner-warn' : 'banner-bad'}`}>
      <strong>{r?.state === 'refused' ? t('Refused by a gate: nothing was registered.') : t('Why it ended')}</strong>
      <p>{r?.error?.stage && <code>{r.error.stage}</code>} {said(r?.error?.message ?? run.status_reason)}</p></div>}
    <Warnings texts={r?.dataset?.warnings} />
    <Section title={t('Stages')}>{stages.length ? <Stages stages={stages} /> : <Empty title={t('No stages')} why={t('This run was recorded by a client, not made by slipway run.')} />}</Section>
    {r?.gates && r.gates.length > 0 && <Section title={t('Gates')}><Gates gates={r.gates} /></Section>}
    <Section title={t('Metrics')}>
      {r?.comparison && <p class={r.comparison.better ? 'ok-text' : 'warn-text'}>{comparisonText(r.comparison)}</p>}
      {r?.metrics && Object.keys(r.metrics).length ? <MetricsTable metrics={r.metrics} label={t('Metrics')} />
        : Object.keys(run.metrics ?? {}).length ? <Facts items={Object.entries(run.metrics!).map(([k, v]) => [k, <Num v={v} />])} />
          : <p class="muted">{t('No metrics were recorded.')}</p>}
    </Section>
    <div class="two">
      <Section title={t('Parameters')}><KeyValues values={run.params ?? r?.params} empty={t('No parameters were given.')} /></Section>
      <Section title={t('Code')}><CodeFacts code={run.code} /></Section>
      <Section title={t('Environment')}><KeyValues values={run.environment ?? r?.environment} empty={t('Nothing is known about the environment.')} /></Section>
      <Section title={t('Data')}>
        {r?.dataset ? <Facts items={[[t('Dataset'), <DatasetLink name={r.dataset.name} digest={r.dataset.digest} />], [t('Rows'), <Num v={r.dataset.rows} />], [t('Target'), r.dataset.target],
          [t('Split'), r.split ? t('{by}: {train} train, {valid} validation, {test} test', { by: r.split.by, train: r.split.train ?? 0, valid: r.split.valid ?? 0, test: r.split.test ?? 0 }) : ''], [t('Seed'), r.seed !== undefined ? String(r.seed) : '']]} />
          : <p class="muted">{t('No dataset was recorded.')}</p>}
      </Section>
    </div>
    <Section title={t('Do it again')}><CommandLine text={reproduce(run)} /></Section>
  </>;
}

/* The last line of each stage, in order. */
function latest(progress: Stage[]): Stage[] {
  const by = new Map<string, Stage>();
  for (const p of progress) {
    const line = p as Stage & { stage?: string };
    by.set(line.stage ?? line.name, { ...line, name: line.stage ?? line.name });
  }
  return [...by.values()];
}

export default function Run({ data }: ViewProps<'run'>) {
  const run = data.run, r = run.result, live = run.status === 'RUNNING' || run.status === 'SCHEDULED';
  useEffect(() => {
    if (!live) return;
    /* What clients log is told by the stream; stages of a pipeline, and all without a stream, are asked for. */
    const id = setInterval(() => !document.hidden && void reload(), run.progress?.length || connected.value !== true ? 1500 : 15_000);
    return () => clearInterval(id);
  }, [live, run.run_id, !!run.progress?.length, connected.value]);
  const cancel = () => openDialog(() => <ActionDialog title={t('Cancel run {name}', { name: runName(run) })} button={t('Cancel the run')} tone="danger" method="POST" path={`/api/v1/runs/${seg(run.run_id)}:cancel`}
    cli={() => `slipway run --cancel run/${short(run.run_id)}`} reason={false} done={t('The run is being cancelled')}><p>{t('Its processes are stopped. What it has recorded stays.')}</p></ActionDialog>);
  const model = r?.model, thing: Thing = { kind: 'run', ref: `run/${run.run_id}`, name: run.name ?? '' };
  return (
    <div class="page">
      <header class="page-head">
        <div><p class="crumbs"><a href={href('/runs')}>{t('Runs')}</a></p>
          <h1 tabIndex={-1}>{runName(run)} <StatusMark state={r?.state === 'refused' ? 'refused' : run.status} /></h1></div>
        <div class="actions">{live && <button type="button" class="button danger" onClick={cancel}>{t('Cancel')}</button>}
          {run.lifecycle_stage === 'deleted' ? <button type="button" class="button primary" onClick={() => life((m) => m.restore([thing]))}>{t('Restore')}</button>
            : <Menu label={t('More')}><ul class="menu-list">
              <li><button type="button" onClick={() => life((m) => m.openTransfer([thing], false))}>{t('Move to an experiment')}…</button></li>
              {!live && <li><button type="button" onClick={() => life((m) => m.openTransfer([thing], true))}>{t('Copy to an experiment')}…</button></li>}
              {!live && <li><button type="button" class="bad-text" onClick={() => life((m) => m.openDelete([thing], '/runs'))}>{t('Delete')}…</button></li>}</ul></Menu>}</div>
      </header>
      {run.lifecycle_stage === 'deleted' && <div class="banner banner-warn"><strong>{t('This run is in the trash.')}</strong></div>}
      <KeyFacts items={[
        [t('Run id'), <Digest hex={run.run_id} n={12} />], [t('Started'), <Time at={run.start_time_ms} />], [t('Duration'), <span class="num">{ms(run.duration_ms ?? (live && run.start_time_ms ? Date.now() - run.start_time_ms : null))}</span>],
        [t('By'), run.user ?? ''], [t('Experiment'), run.experiment ?? ''],
        [t('Dataset'), run.dataset ? <DatasetLink {...run.dataset} /> : ''],
        [t('Model versions'), run.model_versions?.length ? run.model_versions.map((v) => <VersionLink key={v.version} {...v} />) : r?.state === 'refused' ? t('none: refused') : ''],
      ]} />
      <Tabs label={t('Parts of the run')} tabs={[
        { id: 'overview', label: t('Overview'), render: () => <Overview run={run} /> },
        ...(model ? [{ id: 'model', label: t('Model'), render: () => <>
          {model.fit && <Section title={t('Fit')}><FitFacts fit={model.fit} /></Section>}
          {model.coefficients?.length ? <Section title={t('Coefficients')}><Coefficients rows={model.coefficients} /></Section> : null}
          {model.residuals && <Section title={t('Residuals')}><ResidualPlots residuals={model.residuals} /></Section>}
          {r?.slices?.length ? <Section title={t('Metrics by slice')}><Slices rows={r.slices} /></Section> : null}
          {model.signature && <Section title={t('Signature')}><SignatureTable signature={model.signature} /></Section>}
        </> }] : []),
        { id: 'charts', label: t('Charts'), render: () => <MetricCharts runs={[run.run_id]} keys={Object.keys(run.metrics ?? {})} live={live} /> },
        { id: 'log', label: t('Log'), render: () => <Log run={run} /> },
        { id: 'artifacts', label: t('Artifacts'), render: () => <Artifacts source={{ run: run.run_id }} /> },
        { id: 'json', label: 'JSON', render: () => <><CommandLine text={`slipway exp show run/${word(short(run.run_id))} -o json`} /><pre class="log" tabIndex={0} role="region" aria-label="JSON">{JSON.stringify(run, null, 2).slice(0, 400_000)}</pre></> },
      ]} />
    </div>
  );
}
