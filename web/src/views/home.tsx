// SPDX-License-Identifier: Apache-2.0
// What needs you, what is being served, what ran, what changed.
import { ms, num, percent } from '../format';
import { t } from '../i18n';
import { said } from '../phrases';
import { endpointPath, href, modelPath, refPath } from '../router';
import type { ViewProps } from '../state';
import type { Endpoint, Run } from '../types';
import { Sparkline } from '../charts/marks';
import { CommandLine, Empty, Num, Section, StatusMark, Time } from '../ui/bits';
import { EventList, RunLink, VersionLink, runName } from '../ui/objects';
import { Icon } from '../ui/icons';
import { Table } from '../ui/table';

export function endpointTotals(e: Endpoint) {
  const tr = e.traffic ?? [];
  const requests = tr.reduce((s, x) => s + (x.requests ?? 0), 0), errors = tr.reduce((s, x) => s + (x.errors ?? 0), 0);
  const p99 = tr.reduce((m, x) => Math.max(m, x.p99_ms ?? 0), 0);
  return { requests, errors, rate: tr.reduce((s, x) => s + (x.rate ?? 0), 0), p99: p99 || null };
}

export function EndpointCard({ e }: { e: Endpoint }) {
  const s = endpointTotals(e);
  return (
    <article class="card endpoint-card">
      <header><h3><a class="cover" href={href(endpointPath(e.name))}>{e.name}</a></h3><StatusMark state={e.state} /></header>
      <p class="muted">{e.model} <span class="tag num">v{e.serving_version ?? e.version}</span>
        {e.serving_version && e.serving_version !== e.version && <span class="warn-text"> {t('v{version} wanted', { version: e.version })}</span>}</p>
      {e.series && e.series.requests.length > 1 && <Sparkline values={e.series.requests} label={t('Requests of the last minute of {name}', { name: e.name })} width={240} />}
      <dl class="stats">
        <div><dt>{t('Requests/s')}</dt><dd class="num">{num(s.rate, 3)}</dd></div>
        <div><dt>p99</dt><dd class="num">{ms(s.p99)}</dd></div>
        <div><dt>{t('Errors')}</dt><dd class="num">{s.requests ? percent(s.errors / s.requests) : '–'}</dd></div>
      </dl>
    </article>
  );
}

function mainMetric(r: Run): string | null {
  const m = r.metrics ?? {};
  return ['rmse', 'r2', 'mae'].find((k) => k in m) ?? Object.keys(m)[0] ?? null;
}

export default function Home({ data }: ViewProps<'home'>) {
  const s = data.status, needs = s.needs ?? [], endpoints = s.endpoints ?? [];
  /* An alias follows its endpoint and an attempt its run: one line is enough. */
  const changes = (data.audit?.items ?? []).filter((e) => !/^attempt\.|^monitor\.window|^model\.alias_|^run\.(created|started)/.test(e.kind));
  const running = s.running ?? [], recent = [...running, ...(s.recent ?? []).filter((r) => !running.some((x) => x.run_id === r.run_id))];
  return (
    <div class="page">
      <header class="page-head"><div><h1 tabIndex={-1}>{t('Overview')}</h1>{s.data_dir && <p class="muted breakable">{s.data_dir}</p>}</div></header>
      <Section title={t('Needs you')}>
        {needs.length ? <ul class="needs">{needs.map((n, i) => {
          const to = refPath(n.ref);
          return <li key={i} class="card need"><span class="need-icon"><Icon name="warn" /></span>
            <div class="grow"><p>{to ? <a href={href(to)}>{said(n.text)}</a> : said(n.text)}</p>{n.command && <CommandLine text={n.command} />}</div></li>;
        })}</ul> : <p class="calm"><Icon name="check" /> {t('Nothing needs you.')}</p>}
      </Section>
      <Section title={t('Endpoints')} aside={<a href={href('/endpoints')}>{t('All endpoints')}</a>}>
        {endpoints.length ? <div class="cards">{endpoints.slice(0, 12).map((e) => <EndpointCard key={e.name} e={e} />)}</div>
          : <Empty icon="endpoints" title={t('Nothing is deployed yet')} why={t('An endpoint answers predictions with one version of a model.')}
            command={`slipway deploy ${s.models?.[0]?.name ?? 'MODEL'}`} />}
      </Section>
      <div class="home-grid">
        <Section title={t('Recent runs')} aside={<a href={href('/runs')}>{t('All runs')}</a>}>
          {recent.length ? <Table label={t('Recent runs')} rows={recent.slice(0, 10)} rowKey={(r) => r.run_id} columns={[
            { id: 'name', label: t('Run'), value: runName, render: (r) => <RunLink id={r.run_id} name={runName(r)} />, unsortable: true },
            { id: 'status', label: t('Status'), value: (r) => r.status, render: (r) => <StatusMark state={r.status} />, unsortable: true },
            { id: 'metric', label: t('Metric'), numeric: true, unsortable: true, value: (r) => r.metrics?.[mainMetric(r) ?? ''], render: (r) => { const k = mainMetric(r); return k ? <><span class="muted">{k}</span> <Num v={r.metrics?.[k]} /></> : '–'; } },
            { id: 'version', label: t('Version'), unsortable: true, value: (r) => r.model_versions?.[0]?.version, render: (r) => (r.model_versions?.[0] ? <VersionLink {...r.model_versions[0]} /> : '–') },
            { id: 'start', label: t('Started'), unsortable: true, value: (r) => r.start_time_ms, render: (r) => <Time at={r.start_time_ms} /> },
          ]} /> : <Empty icon="runs" title={t('No runs yet')} why={t('A run prepares data, trains, checks and registers a model.')} command="slipway init diabetes --template regression && cd diabetes && slipway run" />}
          {(s.models?.length ?? 0) > 0 && <p class="models-line muted">{t('Models')}: {s.models!.slice(0, 8).map((m, i) => <>{i > 0 && ' · '}<a key={m.name} href={href(modelPath(m.name))}>{m.name}</a></>)}</p>}
        </Section>
        <Section title={t('What changed')} aside={<a href={href('/audit')}>{t('Audit log')}</a>}>
          {changes.length ? <EventList events={changes.slice(0, 8)} /> : <Empty icon="audit" title={t('Nothing has changed yet')} />}
        </Section>
      </div>
    </div>
  );
}
