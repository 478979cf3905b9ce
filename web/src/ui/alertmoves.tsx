// SPDX-License-Identifier: Apache-2.0
// Acknowledge and silence alerts, freeze and thaw the loop: dialogs, a chunk of their own.
import { useState } from 'preact/hooks';
import { word } from '../api';
import { t } from '../i18n';
import { seg } from '../router';
import type { Alert } from '../types';
import { ActionDialog, openDialog } from './dialog';

function Acknowledge({ a }: { a: Alert }) {
  const [note, set] = useState(a.note ?? '');
  return (
    <ActionDialog title={t('Acknowledge {alert} of {name}', { alert: a.alert, name: a.endpoint })} button={t('Acknowledge')} reason={false} method="POST" path={`/api/v1/alerts/${seg(a.id)}:acknowledge`}
      body={() => (note ? { note } : {})} cli={() => `slipway monitor ack ${a.id}${note ? ` --note ${word(note)}` : ''}`} done={t('{alert} is acknowledged', { alert: a.alert })}>
      <ul class="names"><li>{t('It stays open until its rule no longer holds, but says that you look after it.')}</li><li>{t('No trigger acts on it any more.')}</li></ul>
      <label class="field"><span>{t('Note (kept beside it)')}</span><input value={note} maxLength={500} autofocus onInput={(e) => set(e.currentTarget.value)} /></label>
    </ActionDialog>
  );
}
export const openAcknowledge = (a: Alert) => openDialog(() => <Acknowledge a={a} />);

function Silence({ endpoint, alert }: { endpoint: string; alert: string }) {
  const [span, set] = useState('2h'), [all, setAll] = useState(false);
  const choices: [string, string][] = [['30m', t('{n} minutes', { n: 30 })], ['2h', t('{n} hours', { n: 2 })], ['1d', t('{n} hours', { n: 24 })], ['7d', t('{n} days', { n: 7 })]];
  return (
    <ActionDialog title={t('Silence {alert} of {name}', { alert: all ? t('every alert') : alert, name: endpoint })} button={t('Silence')} method="POST" path={`/api/v1/endpoints/${seg(endpoint)}/silences`}
      body={(reason) => ({ ...(all ? {} : { alert }), for: span, ...(reason ? { reason } : {}) })} cli={(reason) => `slipway monitor silence ${word(endpoint)}${all ? '' : ` --alert ${word(alert)}`} --for ${span}${reason ? ` --reason ${word(reason)}` : ''}`} done={t('Silent')}>
      <p>{t('Alerts that begin meanwhile are still recorded, but nobody is told and no trigger acts on them.')}</p>
      <label class="field"><span>{t('For how long')}</span><select value={span} onChange={(e) => set(e.currentTarget.value)}>{choices.map(([v, label]) => <option key={v} value={v}>{label}</option>)}</select></label>
      <label class="inline-field"><input type="checkbox" checked={all} onChange={(e) => setAll(e.currentTarget.checked)} />{t('Every alert of {name}', { name: endpoint })}</label>
    </ActionDialog>
  );
}
export const openSilence = (a: Alert) => openDialog(() => <Silence endpoint={a.endpoint} alert={a.alert} />);

export const openFreeze = (name: string, frozen: boolean) => openDialog(() => (
  <ActionDialog title={frozen ? t('Thaw the loop of {name}', { name }) : t('Freeze the loop of {name}', { name })} button={frozen ? t('Thaw') : t('Freeze')} method="POST" path={`/api/v1/endpoints/${seg(name)}/loop:${frozen ? 'thaw' : 'freeze'}`}
    body={(reason) => (reason ? { reason } : {})} cli={(reason) => `slipway monitor ${frozen ? 'thaw' : 'freeze'} ${word(name)}${reason ? ` --reason ${word(reason)}` : ''}`} done={frozen ? t('Triggers act again') : t('The loop is frozen')}>
    <p>{frozen ? t('Triggers may start retrainings again; what they would have done meanwhile is not made up for.') : t('No trigger starts a retraining until somebody thaws it. What serves goes on serving, alerts go on.')}</p>
  </ActionDialog>
));
