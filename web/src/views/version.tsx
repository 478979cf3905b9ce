// SPDX-License-Identifier: Apache-2.0
// One version: is it good, is it serving, why was it let through, where does it come from.
import { useState } from 'preact/hooks';
import { send, ApiError, curl } from '../api';
import { bytes, int, plain, short } from '../format';
import { t } from '../i18n';
import { datasetPath, href, modelPath, navigate, seg } from '../router';
import { reload, type ViewProps } from '../state';
import type { Explanation, Metrics, Version as VersionShape } from '../types';
import { Contributions } from '../charts/marks';
import { LineageGraph } from '../charts/lineage';
import { CommandLine, Digest, Empty, Facts, KeyFacts, Section, StatusMark, Time } from '../ui/bits';
import { ExampleForm } from '../ui/form';
import { CodeFacts, Coefficients, comparisonText, DatasetLink, FileList, FitFacts, Gates, KeyValues, MetricsTable, ResidualPlots, RunLink, SignatureTable, Slices } from '../ui/objects';
import { Table } from '../ui/table';
import { lazy, openDeploy } from '../ui/lazy';
import { Menu } from '../ui/menu';
import { Tabs } from '../ui/tabs';

const Artifacts = lazy(() => import('../ui/artifacts'));
import { EndpointLinks } from './models';
import { gatesState } from './model';
import { life } from './run';

function Verdict({ v, champion }: { v: VersionShape; champion: string | undefined }) {
  const gates = gatesState(v), serving = v.endpoints ?? [];
  const cls = serving.length ? 'banner-ok' : gates === 'failed' ? 'banner-bad' : 'banner-plain';
  return (
    <div class={`banner ${cls}`}>
      <div class="banner-row">
        <strong>{serving.length ? t('Serving on {names}', { names: serving.join(', ') }) : gates === 'failed' ? t('A gate did not pass: this version cannot be promoted') : t('Not serving')}</strong>
        {gates && <StatusMark state={gates} label={gates === 'passed' ? t('All gates passed') : undefined} />}
        {!serving.length && champion && champion !== v.version && <span class="muted">{t('Champion is')} <a class="num" href={href(modelPath(v.name, champion))}>v{champion}</a></span>}
      </div>
      {v.comparison && <p>{comparisonText(v.comparison)}</p>}
    </div>
  );
}

/* Metrics of a version: its own per part when the server has them, else the flat ones. */
function parts(v: VersionShape): Record<string, Metrics> | null {
  const m = v.metrics as unknown as Record<string, unknown> | undefined;
  if (v.result_metrics) return v.result_metrics;
  if (!m || !Object.keys(m).length) return null;
  const nested = ['test', 'valid', 'train', 'baseline'].some((p) => m[p] && typeof m[p] === 'object' && !('value' in (m[p] as object)));
  if (nested) return m as unknown as Record<string, Metrics>;
  const out: Record<string, Metrics> = {};
  for (const [k, x] of Object.entries(m)) {
    const dot = /^(test|valid|train|baseline|champion)\.(.+)$/.exec(k), part = dot?.[1] ?? 'test', name = dot?.[2] ?? k;
    (out[part] ??= {})[name] = typeof x === 'number' ? { value: x } : (x as Metrics[string]);
  }
  return out;
}

function Explain({ v }: { v: VersionShape }) {
  const [got, set] = useState<Explanation | null>(null);
  const [error, setError] = useState('');
  const path = `/api/v1/models/${seg(v.name)}/versions/${seg(v.version)}:explain`;
  const run = async (row: Record<string, unknown>) => {
    setError('');
    try {
      set((await send<{ explanations: Explanation[] }>('POST', path, { instances: [row] })).explanations[0] ?? null);
    } catch (e) {
      set(null);
      setError((e as ApiError).message);
    }
  };
  if (!v.signature) return null;
  return (
    <Section title={t('Explain one prediction')}>
      <ExampleForm signature={v.signature} example={v.input_example} button={t('Explain')} onSubmit={run} lines={(row) => <CommandLine label={t('API')} text={curl('POST', path, { instances: [row] })} />} />
      <div aria-live="polite">{error && <p class="bad-text">{error}</p>}{got && <Contributions base={got.base} prediction={got.prediction} items={got.contributions} />}</div>
    </Section>
  );
}

function FactsTab({ v }: { v: VersionShape }) {
  const facts = v.facts ?? [];
  const add = curl('POST', `/api/v1/models/${seg(v.name)}/versions/${seg(v.version)}/facts`, { name: 'approval', value: true });
  return <>
    <p class="muted">{t('A fact says something about exactly these bytes. Anyone may add one; gates only read them.')}</p>
    {facts.length ? <Table label={t('Facts')} rows={facts} rowKey={(f) => f.id ?? `${f.name}${f.time_ms}`} sort="-time" columns={[
      { id: 'name', label: t('Name'), value: (f) => f.name, render: (f) => <code>{f.name}</code> },
      { id: 'value', label: t('Value'), value: (f) => plain(f.value), render: (f) => <code class="breakable">{plain(f.value)}</code> },
      { id: 'producer', label: t('By'), value: (f) => f.producer },
      { id: 'time', label: t('When'), numeric: true, value: (f) => f.time_ms, render: (f) => <Time at={f.time_ms} /> },
    ]} /> : <Empty title={t('No facts yet')} command={add} />}
  </>;
}

export default function Version({ data }: ViewProps<'version'>) {
  const v = data.version, champion = data.model?.aliases?.champion ?? undefined, metrics = parts(v);
  const others = (data.model?.versions ?? []).map((x) => x.version).filter((x) => x !== v.version);
  const against = champion && champion !== v.version ? champion : others[0];
  const filesTotal = (v.files ?? []).reduce((s, f) => s + f.bytes, 0);
  return (
    <div class="page">
      <header class="page-head">
        <div><p class="crumbs"><a href={href('/models')}>{t('Models')}</a> / <a href={href(modelPath(v.name))}>{v.name}</a></p>
          <h1 tabIndex={-1}><span class="num">{v.name}:{v.version}</span> {(v.aliases ?? []).map((a) => <span key={a} class={`tag${a === 'champion' ? ' tag-accent' : ''}`}>@{a}</span>)}</h1>
          {v.description && <p class="muted">{v.description}</p>}</div>
        <div class="actions">
          {against && <button type="button" class="button" onClick={() => navigate(href(`/compare?model=${seg(v.name)}&versions=${[against, v.version].sort((a, b) => Number(a) - Number(b)).join(',')}`))}>{t('Compare with v{version}', { version: against })}</button>}
          <button type="button" class="button primary" onClick={() => openDeploy(v.name, v.version, data.model?.endpoints ?? [])}>{t('Deploy')}…</button>
          <Menu label={t('More')}><ul class="menu-list"><li><button type="button" class="bad-text" onClick={() => life((m) => m.openDelete([{ kind: 'version', ref: `model/${v.name}:${v.version}`, name: v.name }], modelPath(v.name)))}>{t('Delete')}…</button></li></ul></Menu></div>
      </header>
      <Verdict v={v} champion={champion} />
      <KeyFacts items={[[t('Family'), v.family ?? ''], [t('Created'), <Time at={v.creation_time_ms} />], [t('Run'), v.run_id ? <RunLink id={v.run_id} /> : ''], [t('Digest'), <Digest hex={v.digest} />],
        [t('Dataset'), v.dataset ? <DatasetLink name={v.dataset.name} digest={v.dataset.digest} /> : ''], [t('Seed'), v.seed !== undefined && v.seed !== null ? String(v.seed) : ''], [t('Served by'), v.endpoints?.length ? <EndpointLinks names={v.endpoints} /> : '']]} />
      <Tabs label={t('Parts of the version')} tabs={[
        { id: 'overview', label: t('Overview'), render: () => <>
          <Section title={t('Gates')}><Gates gates={v.gates ?? []} /></Section>
          <Section title={t('Metrics')}>{metrics ? <MetricsTable metrics={metrics} label={t('Metrics')} /> : <p class="muted">{t('No metrics were recorded.')}</p>}</Section>
          {v.lineage && v.lineage.nodes.length > 0 && <LineageGraph graph={v.lineage} here={v.lineage.nodes.find((n) => n.kind.startsWith('model') && n.label.includes(v.version))?.id} />}
          <div class="two">
            {v.signature && <Section title={t('Signature')}><SignatureTable signature={v.signature} /></Section>}
            <Section title={t('Parameters')}><KeyValues values={v.params} empty={t('No parameters were given.')} /></Section>
          </div>
        </> },
        { id: 'model', label: t('Coefficients'), render: () => <>
          {v.fit && <Section title={t('Fit')}><FitFacts fit={v.fit} /></Section>}
          <Section title={t('Coefficients')}>{v.coefficients?.length ? <Coefficients rows={v.coefficients} /> : <Empty title={t('No coefficients')} why={t('Only linear models have them.')} />}</Section>
          {v.residuals && <Section title={t('Residuals')}><ResidualPlots residuals={v.residuals} /></Section>}
        </> },
        { id: 'slices', label: t('Slices'), render: () => (v.slices?.length ? <Slices rows={v.slices} /> : <Empty title={t('No slices')} why={t('Slices are made from columns with few values and enough rows.')} />) },
        { id: 'explain', label: t('Explain'), render: () => <Explain v={v} /> },
        { id: 'origin', label: t('Origin'), render: () => <div class="two">
          <Section title={t('Data')}>{v.dataset ? <><Facts items={[[t('Dataset'), <DatasetLink name={v.dataset.name} digest={v.dataset.digest} />], [t('Rows'), int(v.dataset.rows)], [t('Columns'), int(v.dataset.columns?.length)], [t('Target'), v.dataset.target]]} /><p><a href={href(datasetPath(v.dataset.name, v.dataset.digest))}>{t('See the columns')}</a></p></> : <p class="muted">{t('No dataset was recorded.')}</p>}</Section>
          <Section title={t('Code')}><CodeFacts code={v.code} /></Section>
          <Section title={t('Environment')}><KeyValues values={v.environment} empty={t('Nothing is known about the environment.')} /></Section>
          {v.predictor && <Section title={t('Predictor')}><KeyValues values={v.predictor} empty="" /></Section>}
        </div> },
        { id: 'facts', label: t('Facts'), render: () => <FactsTab v={v} /> },
        { id: 'files', label: t('Files'), render: () => (v.files?.length ? <><p class="muted">{t('{n} files', { n: v.files.length })} · {bytes(filesTotal)}</p><Artifacts source={{ model: v.name, version: v.version, files: v.files }} /><FileList files={v.files} base={href(`/api/v1/models/${seg(v.name)}/versions/${seg(v.version)}/files/`)} /></> : <Empty title={t('No files')} />) },
      ]} />
      <CommandLine label={t('CLI')} text={`slipway model show ${v.name}:${v.version}`} />
      {v.status && v.status !== 'READY' && <p class="warn-text">{v.status} <button type="button" class="link-button" onClick={() => void reload()}>{t('Try again')}</button> {short(v.digest)}</p>}
    </div>
  );
}
