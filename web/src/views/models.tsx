// SPDX-License-Identifier: Apache-2.0
// The registry: every model with its aliases and where it is served.
import { t } from '../i18n';
import { endpointPath, href, modelPath } from '../router';
import type { ViewProps } from '../state';
import type { Model } from '../types';
import { Empty, Num, Section, Time } from '../ui/bits';
import { Table } from '../ui/table';

export function Aliases({ of }: { of: Record<string, string> | undefined }) {
  const list = Object.entries(of ?? {});
  return list.length ? <>{list.map(([a, v]) => <span key={a} class="tag num">@{a} → v{v}</span>)}</> : <span class="muted">–</span>;
}

export function EndpointLinks({ names }: { names: string[] | undefined }) {
  return names?.length ? <>{names.map((n, i) => <>{i > 0 && ', '}<a key={n} href={href(endpointPath(n))}>{n}</a></>)}</> : <span class="muted">–</span>;
}

/* Prompts of MLflow are registered models with a tag. */
export const isPrompt = (m: Model) => m.tags?.['mlflow.prompt.is_prompt'] === 'true';

export default function Models({ data }: ViewProps<'models'>) {
  const rows = data.models.items.filter((m) => !isPrompt(m)), prompts = data.models.items.filter(isPrompt);
  return (
    <div class="page">
      <header class="page-head"><h1 tabIndex={-1}>{t('Models')}</h1></header>
      {rows.length ? <Table<Model> label={t('Models')} rows={rows} rowKey={(m) => m.name} urlKey="" sort="-updated" tools columns={[
        { id: 'name', label: t('Model'), value: (m) => m.name, render: (m) => <a href={href(modelPath(m.name))}>{m.name}</a> },
        { id: 'latest', label: t('Newest version'), value: (m) => Number(m.latest_version) || m.latest_version, render: (m) => (m.latest_version ? <a class="num" href={href(modelPath(m.name, m.latest_version))}>v{m.latest_version}</a> : '–') },
        { id: 'count', label: t('Versions'), numeric: true, value: (m) => m.version_count, render: (m) => <Num v={m.version_count} /> },
        { id: 'aliases', label: t('Aliases'), value: (m) => JSON.stringify(m.aliases ?? {}), render: (m) => <Aliases of={m.aliases} /> },
        { id: 'endpoints', label: t('Endpoints'), value: (m) => m.endpoints?.join(' '), render: (m) => <EndpointLinks names={m.endpoints} /> },
        { id: 'updated', label: t('Changed'), numeric: true, value: (m) => m.last_update_time_ms, render: (m) => <Time at={m.last_update_time_ms} /> },
        { id: 'description', label: t('Description'), value: (m) => m.description, hidden: rows.every((m) => !m.description) },
      ]} /> : <Empty icon="models" title={t('No models yet')} why={t('A run whose gates pass registers the first version.')} command="slipway run" />}
      {prompts.length > 0 && <Section title={t('Prompts')}><Table<Model> label={t('Prompts')} rows={prompts} rowKey={(m) => m.name} sort="-updated" columns={[
        { id: 'name', label: t('Prompt'), value: (m) => m.name, render: (m) => <a href={href(modelPath(m.name))}>{m.name}</a> },
        { id: 'count', label: t('Versions'), numeric: true, value: (m) => m.version_count, render: (m) => <Num v={m.version_count} /> },
        { id: 'aliases', label: t('Aliases'), value: (m) => JSON.stringify(m.aliases ?? {}), render: (m) => <Aliases of={m.aliases} /> },
        { id: 'updated', label: t('Changed'), numeric: true, value: (m) => m.last_update_time_ms, render: (m) => <Time at={m.last_update_time_ms} /> },
      ]} /></Section>}
    </div>
  );
}
