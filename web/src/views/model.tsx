// SPDX-License-Identifier: Apache-2.0
// One model: its versions with their metrics, aliases, endpoints.
import { signal } from '@preact/signals';
import { useState } from 'preact/hooks';
import { num } from '../format';
import { t } from '../i18n';
import { href, modelPath, navigate, seg } from '../router';
import type { ViewProps } from '../state';
import type { Model as ModelShape, Version } from '../types';
import { Copy, Empty, KeyFacts, Num, Section, StatusMark, Time, WithInterval } from '../ui/bits';
import { lazy, openDeploy } from '../ui/lazy';
import { Menu } from '../ui/menu';
import { RunLink } from '../ui/objects';
import { Table, type Col } from '../ui/table';
import { Aliases, EndpointLinks, isPrompt } from './models';
import { life } from './run';

const AliasTime = lazy<{ model: string; aliases: string[]; changed: number }>(() => import('../ui/aliastime'));

const selected = signal<Set<string>>(new Set());

/* All gates passed, one did not, or none. */
export function gatesState(v: Version): 'passed' | 'failed' | 'unknown' | null {
  if (!v.gates?.length) return null;
  return v.gates.some((g) => g.passed === false) ? 'failed' : v.gates.every((g) => g.passed) ? 'passed' : 'unknown';
}

/* A prompt: the text of each version, {{names}} as they stand. */
function Prompt({ m }: { m: ModelShape }) {
  const versions = [...(m.versions ?? [])].sort((a, b) => Number(b.version) - Number(a.version));
  return (
    <div class="page">
      <header class="page-head"><div><p class="crumbs"><a href={href('/models')}>{t('Models')}</a></p><h1 tabIndex={-1}>{m.name} <span class="tag">{t('Prompt')}</span></h1>{m.description && <p class="muted">{m.description}</p>}</div></header>
      <KeyFacts items={[[t('Versions'), <Num v={m.version_count ?? versions.length} />], [t('Aliases'), <Aliases of={m.aliases} />], [t('Created'), <Time at={m.creation_time_ms} />]]} />
      {versions.slice(0, 100).map((v) => {
        const text = v.tags?.['mlflow.prompt.text'] ?? '', names = [...new Set([...text.matchAll(/\{\{\s*([\w.]+)\s*\}\}/g)].map((x) => x[1]!))];
        return <Section key={v.version} title={`v${v.version} ${(v.aliases ?? []).map((a) => `@${a}`).join(' ')}`} aside={<><Time at={v.creation_time_ms} /> <Copy text={text} /></>}>
          {v.description && <p class="muted">{v.description}</p>}
          <pre class="log prompt" tabIndex={0} role="region" aria-label={`v${v.version}`}>{text || t('This version has no text.')}</pre>
          {names.length > 0 && <p class="muted">{t('Variables')}: {names.map((n) => <span key={n} class="tag">{n}</span>)}</p>}</Section>;
      })}
    </div>
  );
}

export default function Model(props: ViewProps<'model'>) {
  return isPrompt(props.data.model) ? <Prompt m={props.data.model} /> : <Registered {...props} />;
}

/* Asked for when it is opened. */
function AliasHistory({ m }: { m: ModelShape }) {
  const [open, set] = useState(false);
  return <details class="fold" onToggle={(e) => set(e.currentTarget.open)}><summary>{t('Aliases over time')}</summary>{open && <AliasTime model={m.name} aliases={Object.keys(m.aliases ?? {})} changed={m.last_update_time_ms ?? 0} />}</details>;
}

function Registered({ data }: ViewProps<'model'>) {
  const m = data.model, versions = m.versions ?? [];
  const metricNames = [...new Set(versions.flatMap((v) => Object.keys(v.metrics ?? {})))];
  const aliasOf = (v: Version) => [...new Set([...(v.aliases ?? []), ...Object.entries(m.aliases ?? {}).filter(([, x]) => String(x) === v.version).map(([a]) => a)])];
  const picked = [...selected.value].filter((k) => versions.some((v) => v.version === k));
  const cols: Col<Version>[] = [
    { id: 'version', label: t('Version'), value: (v) => Number(v.version), render: (v) => <a class="num" href={href(modelPath(m.name, v.version))}>v{v.version}</a> },
    { id: 'aliases', label: t('Aliases'), value: (v) => aliasOf(v).join(' '), render: (v) => aliasOf(v).map((a) => <span key={a} class={`tag${a === 'champion' ? ' tag-accent' : ''}`}>@{a}</span>) },
    { id: 'endpoints', label: t('Served by'), value: (v) => v.endpoints?.join(' '), render: (v) => <EndpointLinks names={v.endpoints} /> },
    ...(versions.some((v) => v.gates?.length) ? [{ id: 'gates', label: t('Gates'), value: gatesState, render: (v: Version) => { const s = gatesState(v); return s ? <StatusMark state={s} /> : '–'; } } as Col<Version>] : []),
    ...metricNames.map((k, i): Col<Version> => ({ id: `metrics.${k}`, label: k, numeric: true, hidden: i > 3, value: (v) => v.metrics?.[k]?.value ?? (v.metrics?.[k] as unknown), render: (v) => { const x = v.metrics?.[k] as unknown; return typeof x === 'number' ? <Num v={x} /> : <WithInterval v={v.metrics?.[k]} />; } })),
    { id: 'family', label: t('Family'), value: (v) => v.family },
    { id: 'run', label: t('Run'), value: (v) => v.run_id, render: (v) => (v.run_id ? <RunLink id={v.run_id} /> : '–') },
    { id: 'created', label: t('Created'), numeric: true, value: (v) => v.creation_time_ms, render: (v) => <Time at={v.creation_time_ms} /> },
    { id: 'description', label: t('Description'), value: (v) => v.description, hidden: true },
  ];
  return (
    <div class="page">
      <header class="page-head"><div><p class="crumbs"><a href={href('/models')}>{t('Models')}</a></p><h1 tabIndex={-1}>{m.name}</h1>{m.description && <p class="muted">{m.description}</p>}</div>
        <div class="actions"><button type="button" class="button primary" disabled={!versions.length} onClick={() => openDeploy(m.name, undefined, m.endpoints ?? [])}>{t('Deploy')}…</button>
          <Menu label={t('More')}><ul class="menu-list">
            <li><button type="button" onClick={() => life((x) => x.openRenameModel(m.name))}>{t('Rename')}…</button></li>
            <li><button type="button" class="bad-text" onClick={() => life((x) => x.openDelete([{ kind: 'model', ref: `model/${m.name}`, name: m.name, versions: m.version_count ?? versions.length }], '/models'))}>{t('Delete')}…</button></li></ul></Menu></div></header>
      <KeyFacts items={[[t('Versions'), <Num v={m.version_count ?? versions.length} />], [t('Aliases'), <Aliases of={m.aliases} />], [t('Endpoints'), <EndpointLinks names={m.endpoints} />], [t('Created'), <Time at={m.creation_time_ms} />]]} />
      {versions.length ? <Table label={t('Versions')} rows={versions} columns={cols} rowKey={(v) => v.version} urlKey="" sort="-version" tools
        selected={selected.value} onSelect={(s) => (selected.value = s)}
        before={<div class="bar"><button type="button" class="button small primary" data-action="compare" disabled={picked.length < 2}
          onClick={() => navigate(href(`/compare?model=${seg(m.name)}&versions=${picked.sort((a, b) => Number(a) - Number(b)).join(',')}`))}>{picked.length ? t('Compare {n}', { n: num(picked.length) }) : t('Compare')}</button></div>} />
        : <Empty icon="models" title={t('No versions yet')} why={t('A run whose gates pass registers the first version.')} command="slipway run" />}
      <AliasHistory m={m} />
    </div>
  );
}
