// SPDX-License-Identifier: Apache-2.0
// One endpoint: its state, live traffic, history, and a form that really asks it.
/* Whatever draws lines is in this chunk, so that the library is fetched by one request. */
export { default as MetricCharts } from '../charts/metrics';
import { useEffect, useState } from 'preact/hooks';
import { ApiError, call, curl, get, send, word } from '../api';
import { origin } from '../base';
import { int, ms, num, percent } from '../format';
import { t } from '../i18n';
import { href, modelPath, seg } from '../router';
import { onEvent } from '../live';
import type { ViewProps } from '../state';
import type { Endpoint as Shape, Explanation, Model } from '../types';
import { Contributions } from '../charts/marks';
import { Lines } from '../charts/lines';
import { openBegin, openPromote, openRollback } from '../ui/lazy';
import { CommandLine, Copy, Empty, Fold, KeyFacts, Num, Section, StatusMark, Time } from '../ui/bits';
import { EndpointNav } from '../ui/endpointhead';
import { Figure } from '../ui/figure';
import { RolloutPanel } from '../ui/rollout';
import { ExampleForm } from '../ui/form';
import { Table } from '../ui/table';
import { endpointTotals } from './home';

const POLL_MS = 2000;
const VERSION_COLORS = ['--series-1', '--series-3', '--series-4', '--series-5'];

/* Counters are not events, so the figures are asked for every two seconds, only while in sight. */
function useLive(first: Shape): Shape {
  const [live, set] = useState<{ of: string; e: Shape } | null>(null);
  useEffect(() => {
    let stop = false;
    const ask = async () => {
      if (document.hidden || document.querySelector('.live-charts:hover')) return;
      try {
        const e = await get<Shape>(`/api/v1/endpoints/${seg(first.name)}`);
        if (!stop) set({ of: first.name, e });
      } catch {
        /* the page keeps what it has */
      }
    };
    const id = setInterval(ask, POLL_MS), off = onEvent((e) => e.subject?.includes(first.name) && void ask());
    return () => { stop = true; clearInterval(id); off(); };
  }, [first.name]);
  useEffect(() => set(null), [first]);
  return live && live.of === first.name ? live.e : first;
}

function actionText(action: string): string {
  switch (action) {
    case 'deploy': return t('deployed');
    case 'promote': return t('promoted');
    case 'rollback': return t('rolled back');
    default: return action;
  }
}

function Charts({ e }: { e: Shape }) {
  const s = e.series;
  if (!s || s.t_ms.length < 2) return <Empty icon="endpoints" title={t('No traffic yet')} why={t('Requests of the last minute appear here as they come.')} command={`slipway predict ${word(e.name)} '${JSON.stringify(e.input_example ?? {})}'`} />;
  const marks = (e.history ?? []).filter((h) => h.time_ms >= s.t_ms[0]!).map((h) => ({ t: h.time_ms, text: `v${h.version}` }));
  const total = s.requests.reduce((a, b) => a + b, 0), bad = s.errors.reduce((a, b) => a + b, 0), worst = Math.max(0, ...s.p99_ms.map((x) => x ?? 0));
  const by = [...(s.versions ?? [])].sort((a, b) => Number(a.version) - Number(b.version)), many = by.length > 1;
  const lines = many ? by : [{ version: by[0]?.version ?? e.serving_version ?? e.version, requests: s.requests, errors: s.errors, p99_ms: s.p99_ms }];
  const color = (i: number) => VERSION_COLORS[i % VERSION_COLORS.length]!;
  const rows = () => ({
    head: [t('Time'), ...lines.flatMap((l) => [`v${l.version} ${t('Requests')}`, `v${l.version} ${t('Errors')}`, `v${l.version} p99 ms`])],
    rows: s.t_ms.map((x, i): (string | number | null)[] => [new Date(x).toISOString().slice(11, 19), ...lines.flatMap((l) => [l.requests[i] ?? 0, l.errors[i] ?? 0, l.p99_ms[i] ?? null])]),
  });
  return (
    <div class="two live-charts">
      <Figure title={t('Requests per second')} summary={t('{n} requests in {s} seconds, {bad} errors.', { n: int(total), s: s.t_ms.length, bad: int(bad) })} table={rows}>
        <Lines label={t('Requests per second')} t={s.t_ms} marks={marks} series={[...lines.map((l, i) => ({ label: `v${l.version}`, values: l.requests, color: color(i), fill: !many })), { label: t('Errors'), values: s.errors, color: '--series-2', dash: [4, 3] }]} />
      </Figure>
      <Figure title={t('Latency p99')} summary={worst > 0 ? t('At most {worst} in this minute.', { worst: ms(worst) }) : t('No request in this minute.')} table={rows}>
        <Lines label={t('Latency p99')} t={s.t_ms} marks={marks} unit="ms" series={lines.map((l, i) => ({ label: `v${l.version}`, values: l.p99_ms, color: color(i) }))} />
      </Figure>
    </div>
  );
}

function Try({ e }: { e: Shape }) {
  const [got, set] = useState<{ text: string; id: string | null; ms: number; row: Record<string, unknown> } | null>(null);
  const [why, setWhy] = useState<Explanation | null>(null);
  const [error, setError] = useState<ApiError | null>(null);
  const path = `/v1/models/${seg(e.name)}:predict`, version = e.serving_version ?? e.version;
  const explainPath = `/api/v1/models/${seg(e.model)}/versions/${seg(version)}:explain`;
  const ask = async (row: Record<string, unknown>) => {
    setError(null);
    setWhy(null);
    const began = performance.now();
    try {
      const r = await call('POST', path, { instances: [row] });
      const body = (await r.json()) as { predictions?: unknown[] };
      const p = body.predictions?.[0];
      set({ text: typeof p === 'number' ? String(p) : JSON.stringify(p ?? body), id: r.headers.get('prediction_id'), ms: performance.now() - began, row });
      try {
        setWhy((await send<{ explanations: Explanation[] }>('POST', explainPath, { instances: [row] })).explanations[0] ?? null);
      } catch {
        setWhy(null); /* not every model can be explained */
      }
    } catch (x) {
      set(null);
      setError(x as ApiError);
    }
  };
  if (!e.signature) return <Empty title={t('The signature is not known')} why={t('The model does not say what it takes.')} />;
  return (
    <div class="two try-block">
      <ExampleForm key={e.name} signature={e.signature} example={e.input_example} button={t('Predict')} onSubmit={ask}
        lines={(row) => <div class="same-as"><CommandLine label={t('CLI')} text={`slipway predict ${word(e.name)} '${JSON.stringify(row)}'`} /><CommandLine label={t('API')} text={curl('POST', path, { instances: [row] })} /></div>} />
      <div class="result" aria-live="polite">
        {error && <div class="inline-error"><p>{error.message}</p>{error.hint && <p class="muted">{error.hint}</p>}{error.requestId && <p class="muted">{t('Request id')} <code>{error.requestId}</code> <Copy text={error.requestId} /></p>}</div>}
        {!error && !got && <p class="muted">{t('The answer appears here, with what each input contributed.')}</p>}
        {got && <>
          <p class="muted">{e.signature.outputs[0]?.name ?? t('Prediction')}</p>
          <p class="prediction num" title={got.text}>{Number.isFinite(Number(got.text)) ? num(Number(got.text), 6) : got.text}</p>
          <p class="muted small num">v{version} · {ms(got.ms)}{got.id && <> · {t('prediction')} <code>{got.id}</code></>}</p>
          {why && <><h3>{t('What moved it')}</h3><Contributions base={why.base} prediction={why.prediction} items={why.contributions} /></>}
        </>}
      </div>
    </div>
  );
}

/* The same question in the words of other tools. */
function FromCode({ e, url }: { e: Shape; url: string }) {
  const row = e.input_example ?? Object.fromEntries((e.signature?.inputs ?? []).map((f) => [f.name, 0])), host = url.replace(/\/v1\/models\/.*$/, '');
  const python = `import requests; print(requests.post("${url}", json={"instances": [${JSON.stringify(row).replace(/\btrue\b/g, 'True').replace(/\bfalse\b/g, 'False').replace(/\bnull\b/g, 'None')}]}).json()["predictions"])`;
  return (
    <Fold summary={t('From code')}>
      <div class="same-as">
        <CommandLine label="Python" text={python} />
        <CommandLine label="MLflow" text={curl('POST', `/endpoints/${seg(e.name)}/invocations`, { dataframe_records: [row] })} />
        <CommandLine label="TensorFlow Serving" text={`curl ${host}/v1/models/${seg(e.name)}`} />
      </div>
    </Fold>
  );
}

export default function Endpoint({ data }: ViewProps<'endpoint'>) {
  const e = useLive(data.endpoint), model: Model | undefined = data.model, s = endpointTotals(e);
  const choices = (model?.versions ?? []).map((v) => ({ version: v.version, note: [...(v.aliases ?? []).map((a) => `@${a}`), v.gates?.some((g) => g.passed === false) ? t('gates failed') : ''].filter(Boolean).join(' ') || undefined }))
    .sort((a, b) => Number(b.version) - Number(a.version));
  const rollout = data.rollout, active = !!rollout && rollout.rollout.ended_ms === null, panel = rollout && <RolloutPanel name={e.name} first={rollout} />;
  const url = e.url ? (/^https?:/.test(e.url) ? e.url : location.origin + e.url) : `${origin}/v1/models/${seg(e.name)}:predict`;
  return (
    <div class="page">
      <header class="page-head">
        <div><p class="crumbs"><a href={href('/endpoints')}>{t('Endpoints')}</a></p><h1 tabIndex={-1}>{e.name} <StatusMark state={e.state} /></h1></div>
        <div class="actions">
          {!active && choices.some((c) => c.version !== e.version) && <button type="button" class="button" onClick={() => openBegin(e, choices.map((c) => c.version).filter((v) => v !== e.version))}>{t('Roll out')}…</button>}
          <button type="button" class="button" disabled={!e.previous_version && (e.history?.length ?? 0) < 2} onClick={() => openRollback(e)}>{t('Roll back')}…</button>
          <button type="button" class="button primary" onClick={() => openPromote(e, choices)}>{t('Promote')}…</button></div>
      </header>
      <EndpointNav name={e.name} at="endpoint" />
      {e.state_reason && e.state !== 'not_served' && <div class={`banner ${e.state === 'failed' ? 'banner-bad' : 'banner-plain'}`}>{e.state_reason}</div>}
      {e.state === 'not_served' && <div class="banner banner-plain"><strong>{t('No server serves this folder now')}</strong><CommandLine text="slipway server" /></div>}
      <KeyFacts items={[
        [t('Model'), <><a href={href(modelPath(e.model))}>{e.model}</a> <a class="tag tag-accent num" href={href(modelPath(e.model, e.serving_version ?? e.version))}>v{e.serving_version ?? e.version}</a></>],
        [t('Wanted'), e.serving_version && e.serving_version !== e.version ? <span class="num">v{e.version}</span> : ''],
        [t('Served before'), e.previous_version ? <a class="num" href={href(modelPath(e.model, e.previous_version))}>v{e.previous_version}</a> : ''],
        [t('Requests/s'), <Num v={s.rate} digits={3} />], ['p99', <span class="num">{ms(s.p99)}</span>], [t('Errors'), <span class="num">{s.requests ? percent(s.errors / s.requests, 2) : '–'}</span>],
        [t('URL'), <span class="url"><code class="breakable">{url}</code><Copy text={url} label={t('Copy the URL')} /></span>],
      ]} />
      {active && panel}
      <Section title={t('Live')}><Charts e={e} /></Section>
      <Section title={t('Traffic by version')}>
        {e.traffic?.length ? <Table label={t('Traffic by version')} rows={e.traffic} rowKey={(x) => x.version} sort="-version" columns={[
          { id: 'version', label: t('Version'), value: (x) => Number(x.version) || x.version, render: (x) => <a class="num" href={href(modelPath(e.model, x.version))}>v{x.version}</a> },
          { id: 'share', label: t('Share'), unsortable: true, value: (x) => (s.requests ? x.requests / s.requests : 0), render: (x) => <svg class="slice-bar" viewBox="0 0 100 8" width="100" height="8" aria-hidden="true" focusable="false"><rect width={s.requests ? (x.requests / s.requests) * 100 : 0} height="8" rx="2" /></svg> },
          { id: 'requests', label: t('Requests'), numeric: true, value: (x) => x.requests, render: (x) => int(x.requests) },
          { id: 'errors', label: t('Errors'), numeric: true, value: (x) => x.errors, render: (x) => int(x.errors) },
          { id: 'rate', label: t('Requests/s'), numeric: true, value: (x) => x.rate, render: (x) => <Num v={x.rate} digits={3} /> },
          { id: 'p50', label: 'p50', numeric: true, value: (x) => x.p50_ms, render: (x) => ms(x.p50_ms) },
          { id: 'p90', label: 'p90', numeric: true, value: (x) => x.p90_ms, render: (x) => ms(x.p90_ms) },
          { id: 'p99', label: 'p99', numeric: true, value: (x) => x.p99_ms, render: (x) => ms(x.p99_ms) },
          { id: 'mean', label: t('Mean prediction'), numeric: true, value: (x) => x.mean_prediction, render: (x) => <Num v={x.mean_prediction} /> },
        ]} /> : <p class="muted">{t('No requests were counted yet.')}</p>}
      </Section>
      {!active && panel}
      <Section title={t('Try it')}><Try e={e} /><FromCode e={e} url={url} /></Section>
      <Section title={t('History')}>
        {e.history?.length ? <ol class="timeline">{[...e.history].sort((a, b) => b.time_ms - a.time_ms).slice(0, 30).map((h, i) => (
          <li key={`${h.time_ms}${i}`} class={`tl-${h.action}`}><span class="tl-dot" aria-hidden="true" /><p><a class="num" href={href(modelPath(e.model, h.version))}>v{h.version}</a> {actionText(h.action)}{h.reason && <span class="muted"> · {h.reason}</span>}</p><p class="muted small">{h.actor} · <Time at={h.time_ms} /></p></li>))}</ol>
          : <p class="muted">{t('Nothing yet.')}</p>}
      </Section>
      <CommandLine label={t('CLI')} text={`slipway status endpoint/${e.name}`} />
    </div>
  );
}
