// SPDX-License-Identifier: Apache-2.0
// The story of an endpoint: what happened, with times, numbers and reasons; and how the loop stands that
// keeps it fit: frozen or not, why each trigger waits, what was tried.
import { int, moment, ms, stamp } from '../format';
import { t } from '../i18n';
import { said } from '../phrases';
import { href, modelPath, runPath, setQuery } from '../router';
import type { ViewProps } from '../state';
import type { Attempt, LoopState, StoryEvent } from '../types';
import { CommandLine, Empty, Section, StatusMark, Time } from '../ui/bits';
import { EndpointHead, FeatureTags, span } from '../ui/endpointhead';
import { openFreeze } from '../ui/lazy';
import { eventText } from '../ui/objects';
import { storyFeatures, storyTone } from '../ui/storytext';
import { Table } from '../ui/table';

const SHOWN = 150;

function Loop({ name, loop }: { name: string; loop: LoopState }) {
  const triggers = (loop.policy?.triggers as Record<string, unknown>[] | undefined) ?? [];
  return (
    <Section title={t('The loop')} aside={<button type="button" class="button small" onClick={() => openFreeze(name, loop.frozen)}>{loop.frozen ? t('Thaw') : t('Freeze')}…</button>}>
      {loop.frozen ? <div class="banner banner-warn"><strong>{t('Frozen')}</strong><p>{said(loop.frozen_reason) || t('no reason given')}</p><p class="muted small">{loop.frozen_by} · <Time at={loop.frozen_ms} /></p></div>
        : <p class={triggers.length ? '' : 'muted'}>{triggers.length ? t('Triggers act by themselves.') : t('No trigger is set: nothing is retrained by itself.')}</p>}
      {loop.held.length > 0 && <div><h3>{t('Why each trigger waits')}</h3><ul class="held">{loop.held.map((h) => <li key={h.trigger}><strong>{h.trigger}</strong><span>{said(h.reason)}</span><span class="muted small">{t('since')} <Time at={h.since_ms} /></span></li>)}</ul></div>}
    </Section>
  );
}

function Attempts({ loop, model }: { loop: LoopState; model: string | undefined }) {
  const state = (a: Attempt) => (a.state === 'training' || a.state === 'rollout' ? 'running' : a.state);
  return (
    <Section title={t('Retrainings')}>
      {loop.attempts.length ? <Table label={t('Retrainings')} rows={loop.attempts} rowKey={(a) => a.id} columns={[
        { id: 'started', label: t('Began'), value: (a) => a.started_ms, render: (a) => <Time at={a.started_ms} /> },
        { id: 'trigger', label: t('Trigger'), value: (a) => a.trigger },
        { id: 'state', label: t('State'), value: (a) => a.state, render: (a) => <StatusMark state={state(a)} /> },
        { id: 'version', label: t('Version'), value: (a) => a.version, render: (a) => (a.version && model ? <a class="num" href={href(modelPath(model, a.version))}>v{a.version}</a> : '–') },
        { id: 'run', label: t('Run'), value: (a) => a.run_id, render: (a) => (a.run_id ? <a href={href(runPath(a.run_id))}>{a.run_id.slice(0, 8)}</a> : '–') },
        { id: 'rows', label: t('Rows'), numeric: true, value: (a) => a.rows, render: (a) => int(a.rows) },
        { id: 'took', label: t('Took'), numeric: true, value: (a) => (a.ended_ms ? a.ended_ms - a.started_ms : null), render: (a) => (a.ended_ms ? ms(a.ended_ms - a.started_ms) : '–') },
        { id: 'reason', label: t('Reason'), value: (a) => a.reason, render: (a) => <span class="reason">{said(a.reason)}</span> },
      ]} /> : <p class="muted">{t('Nothing was retrained by itself yet.')}</p>}
    </Section>
  );
}

function Item({ e, name, before }: { e: StoryEvent; name: string; before: StoryEvent | undefined }) {
  const tone = storyTone(e.kind), features = e.kind.startsWith('alert.') ? storyFeatures(e) : [], gap = before ? before.time_ms - e.time_ms : 0;
  return <>
    {gap > 3_600_000 && <li class="story-gap muted small">{t('{time} later', { time: span(gap) })}</li>}
    <li class={`story-item tone-${tone}`}>
      <time class="num muted small" dateTime={new Date(e.time_ms).toISOString()} title={stamp(e.time_ms)}>{moment(e.time_ms, Date.now() - e.time_ms)}</time>
      <svg class="story-mark" width="12" height="12" viewBox="0 0 12 12" aria-hidden="true" focusable="false">{tone === 'bad' ? <path d="M6 1 11.500 11H.5z" /> : tone === 'ok' ? <path d="M6 .5 11.500 6 6 11.500.5 6z" /> : tone === 'warn' ? <rect x="1.500" y="1.500" width="9" height="9" /> : <circle cx="6" cy="6" r="3.500" />}</svg>
      <div class="story-text"><p><strong>{eventText({ ...e, subject: `endpoint/${name}` })}</strong></p>{e.reason && <p>{said(e.reason)}</p>}{features.length > 0 && <p><FeatureTags endpoint={name} names={features} /></p>}<p class="muted small">{e.actor}</p></div>
    </li>
  </>;
}

export default function Story({ data, route }: ViewProps<'story'>) {
  const name = route.params.name!, kinds = route.query.get('kinds'), loop = data.loop, items = data.story.items.filter((e) => e.kind !== 'monitor.window_closed');
  const groups: [string, string][] = [['alert', t('Alerts')], ['trigger', t('Retrainings')], ['rollout', t('Rollouts')]];
  const chosen = kinds ? items.filter((e) => e.kind.startsWith(`${kinds}.`) || (kinds === 'rollout' && e.kind.startsWith('endpoint.'))) : items, shown = chosen.slice(0, SHOWN);
  const model = items.map((e) => e.after?.model).find((m): m is string => typeof m === 'string') ?? loop?.rollout?.model, firing = (data.alerts?.items ?? []).filter((a) => !a.ended_ms);
  return (
    <div class="page">
      <EndpointHead name={name} at="story" title={t('Story')} aside={<div class="actions" role="group" aria-label={t('What is told')}>
        <button type="button" class="button small" aria-pressed={!kinds} onClick={() => setQuery({ kinds: null }, true)}>{t('All')}</button>
        {groups.map(([id, label]) => <button key={id} type="button" class="button small" aria-pressed={kinds === id} onClick={() => setQuery({ kinds: id }, true)}>{label}</button>)}</div>} />
      {firing.length > 0 && <div class="banner banner-bad"><strong>{t('{n, plural, one {# alert is open} other {# alerts are open}}', { n: firing.length })}</strong><p>{firing.map((a) => a.alert).join(', ')} · <a href={href('/alerts')}>{t('to the alerts')}</a></p></div>}
      <div class="story-grid">
        <Section title={t('What happened')}>
          {shown.length ? <ol class="story">{shown.map((e, i) => <Item key={e.seq} e={e} name={name} before={shown[i - 1]} />)}</ol> : <Empty icon="audit" title={t('Nothing yet.')} />}
          {chosen.length > shown.length && <p class="muted">{t('The first {n} are shown; narrow the filter to see others.', { n: shown.length })}</p>}
        </Section>
        {loop && <Loop name={name} loop={loop} />}
      </div>
      {loop && <Attempts loop={loop} model={model} />}
      <CommandLine label={t('CLI')} text={`slipway monitor explain ${name}`} />
    </div>
  );
}
