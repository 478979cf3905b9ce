// SPDX-License-Identifier: Apache-2.0
// Promote, send back, pause and resume a rollout, and begin one. Each dialog says exactly what changes.
import { useState } from 'preact/hooks';
import { word } from '../api';
import { percent } from '../format';
import { t } from '../i18n';
import { seg } from '../router';
import type { Endpoint, Rollout } from '../types';
import { ActionDialog, openDialog } from './dialog';

export type Move = 'promote' | 'rollback' | 'pause' | 'resume';
const cliReason = (reason: string) => (reason ? ` --reason ${word(reason)}` : '');

function MoveDialog({ r, move }: { r: Rollout; move: Move }) {
  const share = percent(r.percent / 100, 1), v = { version: r.candidate, old: r.champion, share, name: r.endpoint };
  const path = `/api/v1/endpoints/${seg(r.endpoint)}`, name = word(r.endpoint);
  const says = {
    promote: { title: t('Promote v{version} now', v), button: t('Promote'), done: t('v{version} serves {name}', v), path: `${path}:promote`, cli: `slipway promote ${name} --to ${r.candidate}`,
      lines: [t('v{version} answers all requests of {name}, now {share}.', v), t('v{old} stops answering; a rollback brings it back.', v), t('The alias champion moves to v{version}. Steps and rules that are left are skipped.', v)] },
    rollback: { title: t('Send v{version} back', v), button: t('Send back'), done: t('v{version} was sent back', v), path: `${path}:rollback`, cli: `slipway rollback ${name}`,
      lines: [t('v{old} answers all requests of {name} again; v{version} loses its {share}.', v), t('The rollout ends as rolled back. The version stays registered.')] },
    pause: { title: t('Pause the rollout'), button: t('Pause'), done: t('The rollout is held'), path: `${path}/rollout:pause`, cli: `slipway endpoint pause ${name}`,
      lines: [t('v{version} keeps its {share}; no further step is taken until it is resumed.', v), t('Its rules are still watched: a second breach sends it back all the same.')] },
    resume: { title: t('Resume the rollout'), button: t('Resume'), done: t('The rollout goes on'), path: `${path}/rollout:resume`, cli: `slipway endpoint resume ${name}`,
      lines: [t('v{version} goes on from {share}, one step after the other.', v)] },
  }[move];
  return (
    <ActionDialog title={says.title} button={says.button} tone={move === 'rollback' ? 'danger' : 'primary'} method="POST" path={says.path} done={says.done}
      body={(reason) => ({ ...(move === 'promote' ? { version: r.candidate } : {}), ...(reason ? { reason } : {}) })} cli={(reason) => says.cli + cliReason(reason)}>
      <ul class="names">{says.lines.map((l) => <li key={l}>{l}</li>)}</ul>
    </ActionDialog>
  );
}
export const openMove = (r: Rollout, move: Move) => openDialog(() => <MoveDialog r={r} move={move} />);

function Begin({ endpoint, versions }: { endpoint: Endpoint; versions: string[] }) {
  const [to, set] = useState(versions[0] ?? '');
  return (
    <ActionDialog title={t('Roll out on {name}', { name: endpoint.name })} button={t('Begin')} method="POST" path={`/api/v1/endpoints/${seg(endpoint.name)}/rollout`}
      body={(reason) => ({ version: to, ...(reason ? { reason } : {}) })} cli={(reason) => `slipway deploy ${word(`${endpoint.model}:${to || 'V'}`)} --to ${word(endpoint.name)} --canary 5,25,100${cliReason(reason)}`} ready={!!to} done={t('v{version} begins as a shadow', { version: to })}>
      <label class="field"><span>{t('Version of {model}', { model: endpoint.model })}</span><select value={to} onChange={(e) => set(e.currentTarget.value)}>{versions.map((v) => <option key={v} value={v}>v{v}</option>)}</select></label>
      <ul class="names">
        <li>{t('v{version} first answers behind v{old}, unseen; then 5, 25 and 100 % of the requests.', { version: to, old: endpoint.version })}</li>
        <li>{t('Each window is judged by the abort rules; the second breach of three sends it back.')}</li>
      </ul>
    </ActionDialog>
  );
}
export const openBegin = (endpoint: Endpoint, versions: string[]) => openDialog(() => <Begin endpoint={endpoint} versions={versions} />);
