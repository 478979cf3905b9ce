// SPDX-License-Identifier: Apache-2.0
// Promote, roll back, deploy: each dialog says exactly what changes, and which command does the same.
import { useState } from 'preact/hooks';
import { seg } from '../router';
import { word } from '../api';
import { t } from '../i18n';
import type { Endpoint } from '../types';
import { ActionDialog, openDialog } from './dialog';

interface VersionChoice { version: string; note?: string }

function Change({ from, to, name }: { from: string | null | undefined; to: string; name: string }) {
  return (
    <p class="change">
      <span class="muted">{name}</span>
      <span class="tag num">{from ? `v${from}` : t('nothing')}</span>
      <span aria-hidden="true">→</span><span class="offscreen">{t('becomes')}</span>
      <span class="tag tag-accent num">{to ? `v${to}` : '?'}</span>
    </p>
  );
}

function Pick({ label, value, choices, onPick }: { label: string; value: string; choices: VersionChoice[]; onPick: (v: string) => void }) {
  return (
    <label class="field"><span>{label}</span>
      <select value={value} onChange={(e) => onPick(e.currentTarget.value)}>
        {choices.map((c) => <option key={c.version} value={c.version}>{`v${c.version}${c.note ? ` · ${c.note}` : ''}`}</option>)}
      </select>
    </label>
  );
}

const withReason = (body: Record<string, unknown>, reason: string) => (reason ? { ...body, reason } : body);
const cliReason = (reason: string) => (reason ? ` --reason ${word(reason)}` : '');

function Promote({ endpoint, choices, first }: { endpoint: Endpoint; choices: VersionChoice[]; first?: string }) {
  const others = choices.filter((c) => c.version !== endpoint.version);
  const [to, set] = useState(first ?? others[0]?.version ?? '');
  return (
    <ActionDialog title={t('Promote {name}', { name: endpoint.name })} button={t('Promote')} method="POST"
      path={`/api/v1/endpoints/${seg(endpoint.name)}:promote`} body={(r) => withReason({ version: to }, r)}
      cli={(r) => `slipway promote ${word(endpoint.name)} --to ${word(to || 'V')}${cliReason(r)}`} ready={!!to}
      done={t('{name} now serves v{version}', { name: endpoint.name, version: to })}>
      {others.length ? <Pick label={t('Version of {model}', { model: endpoint.model })} value={to} choices={others} onPick={set} />
        : <p>{t('There is no other version of {model} to promote.', { model: endpoint.model })}</p>}
      <Change name={endpoint.name} from={endpoint.version} to={to} />
      <p class="muted">{t('Requests move to it without a gap. A version whose gates did not pass is refused.')}</p>
    </ActionDialog>
  );
}

function Rollback({ endpoint }: { endpoint: Endpoint }) {
  const seen = [...new Set((endpoint.history ?? []).map((h) => h.version))].filter((v) => v !== endpoint.version);
  const [to, set] = useState(endpoint.previous_version ?? seen[0] ?? '');
  const chosen = to !== (endpoint.previous_version ?? '');
  return (
    <ActionDialog title={t('Roll back {name}', { name: endpoint.name })} button={t('Roll back')} tone="danger" method="POST"
      path={`/api/v1/endpoints/${seg(endpoint.name)}:rollback`} body={(r) => withReason(chosen ? { version: to } : {}, r)}
      cli={(r) => `slipway rollback ${word(endpoint.name)}${chosen ? ` --to ${word(to)}` : ''}${cliReason(r)}`} ready={!!to}
      done={t('{name} is back on v{version}', { name: endpoint.name, version: to })}>
      {seen.length ? <Pick label={t('Back to')} value={to} choices={seen.map((v) => ({ version: v, note: v === endpoint.previous_version ? t('served before') : undefined }))} onPick={set} />
        : <p>{t('No other version was served here before.')}</p>}
      <Change name={endpoint.name} from={endpoint.version} to={to} />
    </ActionDialog>
  );
}

function Deploy({ model, version, endpoints }: { model: string; version?: string; endpoints: string[] }) {
  const [to, set] = useState(endpoints[0] ?? model);
  return (
    <ActionDialog title={t('Deploy {name}', { name: version ? `${model}:${version}` : model })} button={t('Deploy')} method="PUT"
      path={`/api/v1/endpoints/${seg(to || 'NAME')}`} body={(r) => withReason(version ? { model, version } : { model }, r)}
      cli={(r) => `slipway deploy ${word(version ? `${model}:${version}` : model)}${to === model ? '' : ` --to ${word(to || 'NAME')}`}${cliReason(r)}`}
      ready={!!to.trim()} done={t('{model} is deployed on {name}', { model, name: to })}>
      <label class="field"><span>{t('Endpoint')}</span>
        <input value={to} required list="deploy-endpoints" autocomplete="off" onInput={(e) => set(e.currentTarget.value.trim())} /></label>
      <datalist id="deploy-endpoints">{endpoints.map((n) => <option key={n} value={n} />)}</datalist>
      <p class="muted">{t('Creates the endpoint if it does not exist. The alias champion follows.')}</p>
    </ActionDialog>
  );
}

export const openPromote = (endpoint: Endpoint, choices: VersionChoice[], first?: string) =>
  openDialog(() => <Promote endpoint={endpoint} choices={choices} first={first} />);
export const openRollback = (endpoint: Endpoint) => openDialog(() => <Rollback endpoint={endpoint} />);
export const openDeploy = (model: string, version: string | undefined, endpoints: string[]) =>
  openDialog(() => <Deploy model={model} version={version} endpoints={endpoints} />);
