// SPDX-License-Identifier: Apache-2.0
// The inbox: what fires, of all endpoints. By keyboard: j k move, a acknowledges, s silences, enter opens.
import { useEffect } from 'preact/hooks';
import { t } from '../i18n';
import { typing } from '../keys';
import { said } from '../phrases';
import { endpointPath, featurePath, href, modelPath, setQuery } from '../router';
import type { ViewProps } from '../state';
import type { Alert } from '../types';
import { CommandLine, Empty, Of, StatusMark, Time } from '../ui/bits';
import { opened } from '../ui/dialog';
import { FeatureTags } from '../ui/endpointhead';
import { openAcknowledge, openSilence } from '../ui/lazy';

/* Where one sees what an alert speaks of. */
function placeOf(a: Alert): string {
  if (a.features?.length === 1) return featurePath(a.endpoint, a.features[0]!);
  if (a.features?.length) return `${endpointPath(a.endpoint)}/monitor`;
  return /\b(rmse|mae|bias|labelled|coverage)/.test(a.message ?? '') ? `${endpointPath(a.endpoint)}/performance` : endpointPath(a.endpoint);
}

const rank = (a: Alert) => (a.state === 'firing' ? 0 : a.state === 'acknowledged' ? 1 : 2) * 2 + (a.severity === 'critical' ? 0 : 1);

function Item({ a }: { a: Alert }) {
  const over = a.state === 'resolved';
  return (
    <li class={`alert alert-${a.state}`} data-alert={a.id}>
      <div class="alert-head">
        <StatusMark state={a.state} /><span class={`tag severity-${a.severity}`}>{a.severity === 'critical' ? t('critical') : a.severity === 'warning' ? t('warning') : a.severity}</span>
        {a.silenced && <span class="tag">{t('silenced')}</span>}
        <span class="muted small alert-when">{over ? <><Time at={a.started_ms} /> – <Time at={a.ended_ms} /></> : <>{t('since')} <Time at={a.started_ms} /></>}</span>
      </div>
      <div class="alert-body">
        <h2><a href={href(placeOf(a))}>{a.alert}</a> <span class="muted">· <a href={href(endpointPath(a.endpoint))}>{a.endpoint}</a>{a.model && a.version && <> · <a class="num" href={href(modelPath(a.model, a.version))}>v{a.version}</a></>}</span></h2>
        {a.summary && <p>{said(a.summary)}</p>}
        {a.message && <p><code class="breakable">{a.message}</code></p>}
        {!!a.features?.length && <p><FeatureTags endpoint={a.endpoint} names={a.features} /></p>}
        {a.acknowledged_by && <p class="muted small">{t('Acknowledged by {who}', { who: a.acknowledged_by })}{a.note && <>: “{a.note}”</>}</p>}
      </div>
      {!over && <div class="actions">
        <button type="button" class="button small" onClick={() => openAcknowledge(a)}>{a.state === 'acknowledged' ? t('Change the note') : t('Acknowledge')}…<Of name={a.alert} /></button>
        <button type="button" class="button small" onClick={() => openSilence(a)}>{t('Silence')}…<Of name={a.alert} /></button>
      </div>}
    </li>
  );
}

export default function Alerts({ data, route }: ViewProps<'alerts'>) {
  const all = route.query.get('show') === 'all', open = [...data.open.items].sort((a, b) => rank(a) - rank(b) || b.started_ms - a.started_ms);
  const rows = (all ? [...open, ...(data.all?.items ?? []).filter((a) => a.ended_ms)] : open).slice(0, 100), firing = open.filter((a) => a.state === 'firing').length;
  useEffect(() => {
    const key = (e: KeyboardEvent) => {
      if (e.defaultPrevented || typing(e) || opened.value || e.metaKey || e.ctrlKey || e.altKey || !/^[as]$/.test(e.key)) return;
      const id = document.activeElement?.closest<HTMLElement>('[data-alert]')?.dataset.alert, a = rows.find((x) => x.id === id);
      if (!a || a.state === 'resolved') return;
      e.preventDefault();
      (e.key === 'a' ? openAcknowledge : openSilence)(a);
    };
    document.addEventListener('keydown', key);
    return () => document.removeEventListener('keydown', key);
  });
  return (
    <div class="page">
      <header class="page-head">
        <div><h1 tabIndex={-1}>{t('Alerts')}</h1><p class="muted">{firing ? t('{n, plural, one {# alert fires} other {# alerts fire}}', { n: firing }) : t('Nothing fires.')}</p></div>
        <div class="actions" role="group" aria-label={t('Which alerts')}>
          <button type="button" class="button small" aria-pressed={!all} onClick={() => setQuery({ show: null }, true)}>{t('Open')}</button>
          <button type="button" class="button small" aria-pressed={all} onClick={() => setQuery({ show: 'all' }, true)}>{t('All')}</button>
        </div>
      </header>
      {rows.length ? <>
        <ol class="inbox" data-keys>{rows.map((a) => <Item key={a.id} a={a} />)}</ol>
        <p class="muted small only-wide"><kbd>j</kbd> <kbd>k</kbd> {t('move')} · <kbd>a</kbd> {t('acknowledge')} · <kbd>s</kbd> {t('silence')} · <kbd>↵</kbd> {t('open it')}</p>
      </> : <Empty icon="bell" title={all ? t('No alert yet') : t('No open alert')} why={t('An alert begins when a rule holds in two of three windows of an endpoint.')} command="slipway monitor alerts --all" />}
      <CommandLine label={t('CLI')} text={`slipway monitor alerts${all ? ' --all' : ''}`} />
    </div>
  );
}
