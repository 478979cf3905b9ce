// SPDX-License-Identifier: Apache-2.0
// Drift of an endpoint: what the monitor knows now, and the matrix of features × windows.
import { useState } from 'preact/hooks';
import { int, ms, num } from '../format';
import { t } from '../i18n';
import { href, setQuery } from '../router';
import type { ViewProps } from '../state';
import type { WindowList } from '../types';
import { arrange, Matrix, stateText, type State } from '../charts/matrix';
import { CommandLine, Empty, KeyFacts, Section, StatusMark, Time } from '../ui/bits';
import { EndpointHead, FeatureTags, RANGES, span } from '../ui/endpointhead';
import { Figure } from '../ui/figure';

/* The letters of the newest window as names. */
function drifted(list: WindowList): string[] {
  const w = list.windows[list.windows.length - 1], fs = list.versions.find((v) => v.model === w?.model && v.version === w?.version)?.features ?? [];
  return fs.filter((_, i) => w?.states?.[i] === 'd').map((f) => f.name);
}

function Legend() {
  const item = (cls: string, text: string) => <li><svg width="14" height="16" viewBox="0 0 14 16" aria-hidden="true" focusable="false" class={`lv lv-${cls}`}>{cls === 'i' ? <rect x="1" y="7" width="12" height="2" /> : <rect x="1" y={cls === 'd' ? 1 : cls === 'w' ? 4 : 9} width="12" height={cls === 'd' ? 14 : cls === 'w' ? 11 : 6} />}{cls === 'd' && <path d="M7 14l3-5H4z" />}</svg>{text}</li>;
  return <ul class="legend wrap matrix-legend">{item('o', t('below its threshold'))}{item('w', t('warning'))}{item('d', t('drifted'))}{item('i', t('too little data'))}</ul>;
}

export default function Monitor({ data, route }: ViewProps<'monitor'>) {
  const m = data.monitor, list = data.windows, name = m.endpoint, n = list.windows.length, now = drifted(list), [filter, setFilter] = useState('');
  const order = route.query.get('order') === 'name' ? 'name' : 'worst', limit = Number(route.query.get('limit')) || RANGES[0]!;
  const newest = m.newest, features = new Set(list.versions.flatMap((v) => v.features.map((f) => f.name))), count = (s: State) => list.windows.filter((w) => w.states?.includes(s)).length;
  const table = () => {
    const d = arrange(list, 200);
    return { head: [t('Feature'), ...d.columns.slice(-12).map((c) => new Date(c.from).toISOString().slice(5, 16).replace('T', ' '))], rows: d.features.map((f) => [f.name, ...d.columns.slice(-12).map((c) => stateText(c.cells.get(f.name)?.state ?? ' '))]) };
  };
  return (
    <div class="page wide">
      <EndpointHead name={name} at="monitor" title={<>{t('Drift')} <StatusMark state={m.state} /></>} />
      {m.problem && <div class="banner banner-bad">{m.problem}</div>}
      {!m.reference && <div class="banner banner-plain"><strong>{t('v{version} has no reference', { version: m.version })}</strong><p class="muted">{t('Only traffic is counted. A version trained by slipway run brings its reference along.')}</p></div>}
      <KeyFacts items={[
        [t('Window'), <span class="num">{ms(m.window_ms)}</span>], [t('Newest'), newest ? <Time at={newest.end_ms} /> : ''], [t('Rows in it'), newest ? <span class="num">{int(newest.rows)}</span> : ''],
        [t('Reference'), m.reference ? <span class="num">{t('{n} rows', { n: int(m.reference.rows) })}</span> : ''], [t('Features'), <span class="num">{int(features.size)}</span>],
        [t('Labels'), m.log ? <span class="num">{int(m.log.labels)}</span> : ''], [t('Drifted now'), now.length ? <FeatureTags endpoint={name} names={now} /> : newest ? t('none') : ''],
      ]} />
      <Section title={t('Features and windows')} aside={n > 0 && <div class="actions" role="group" aria-label={t('How far back')}>{RANGES.map((k) => <button key={k} type="button" class="button small" aria-pressed={limit === k} onClick={() => setQuery({ limit: k === RANGES[0] ? null : String(k) }, true)}>{span(k * m.window_ms)}</button>)}</div>}>
        {n ? <>
          <div class="bar">
            <label class="inline-field"><span>{t('Feature')}</span><input value={filter} data-filter spellcheck={false} autocomplete="off" onInput={(e) => setFilter(e.currentTarget.value)} /></label>
            <div class="actions" role="group" aria-label={t('Order')}>{(['worst', 'name'] as const).map((o) => <button key={o} type="button" class="button small" aria-pressed={order === o} onClick={() => setQuery({ order: o === 'worst' ? null : o }, true)}>{o === 'worst' ? t('Worst first') : t('By name')}</button>)}</div>
            <Legend />
          </div>
          <Figure summary={t('{n} features over {k} windows; {d} windows have a drifted feature, {i} too little data for some.', { n: int(features.size), k: int(n), d: int(count('d')), i: int(count('i')) })} table={table}>
            <Matrix list={list} endpoint={name} order={order} filter={filter} />
          </Figure>
        </> : <Empty icon="endpoints" title={t('No window has closed yet')} why={t('Windows of {time} close while requests come in.', { time: ms(m.window_ms) })} command={`slipway monitor status ${name}`} />}
      </Section>
      {data.alerts && <Section title={t('Alert rules')} aside={<a href={href('/alerts')}>{t('All alerts')}</a>}>
        <ul class="gates">{data.alerts.rules.map((r) => {
          const s = data.alerts!.states.find((x) => x.alert === r.alert);
          return <li key={r.alert} class="gate"><StatusMark state={s?.state ?? 'insufficient_data'} /><strong>{r.alert}</strong><code class="gate-expr">{r.expr}</code><span class="gate-why">{s?.message ?? ''}</span></li>;
        })}</ul>
        {data.alerts.silences.length > 0 && <ul class="plain-list">{data.alerts.silences.map((s) => <li key={s.id}><span class="tag">{t('silenced')}</span> {s.alert ?? t('every alert')} <span class="muted">{t('until')} <Time at={s.until_ms} /> · {s.actor}{s.reason && ` · ${s.reason}`}</span></li>)}</ul>}
      </Section>}
      <CommandLine label={t('CLI')} text={`slipway monitor windows ${name}`} />
      {m.log && m.log.dropped! > 0 && <p class="muted small">{t('{n} predictions were not kept: the log could not take them.', { n: num(m.log.dropped) })}</p>}
    </div>
  );
}
