// SPDX-License-Identifier: Apache-2.0
// The rollout of an endpoint: who stands beside whom, how far it is, what each rule says, and the four
// things that a person can do about it.
import { useEffect, useState } from 'preact/hooks';
import { get } from '../api';
import { clock, int, known, ms, num, percent } from '../format';
import { t } from '../i18n';
import { said } from '../phrases';
import { href, modelPath, seg } from '../router';
import type { Rollout, RolloutAnswer, RolloutCheck } from '../types';
import { CommandLine, Fold, Section, StatusMark, Time } from './bits';
import { openMove } from './lazy';

const POLL_MS = 1000, WINDOWS_SHOWN = 12;

/* While one is under way it is asked for each second, only in sight. */
function useRollout(name: string, first: RolloutAnswer): RolloutAnswer {
  const [live, set] = useState<{ of: RolloutAnswer; answer: RolloutAnswer } | null>(null);
  const now = live?.of === first ? live.answer : first, over = now.rollout.ended_ms !== null;
  useEffect(() => {
    if (over) return;
    let stop = false;
    const id = setInterval(async () => {
      if (document.hidden) return;
      try {
        const answer = await get<RolloutAnswer>(`/api/v1/endpoints/${seg(name)}/rollout`);
        if (!stop) set({ of: first, answer });
      } catch {
        /* the page keeps what it has */
      }
    }, POLL_MS);
    return () => { stop = true; clearInterval(id); };
  }, [name, first, over]);
  return now;
}

/* Shadow, then each share: done, under way, to come. */
function Steps({ r }: { r: Rollout }) {
  const shares = r.strategy?.canary ?? [], ended = r.ended_ms !== null, names = [...(r.strategy?.shadow || r.step === 0 ? [t('Shadow')] : []), ...shares.map((x) => percent(x / 100, 1))];
  const offset = names.length - shares.length, at = r.step === 0 ? 0 : r.step - 1 + offset;
  const state = (i: number) => (r.state === 'promoted' || i < at || r.state === 'waiting' ? 'done' : i > at ? 'todo' : r.state === 'rolled_back' ? 'back' : ended ? 'done' : r.state === 'paused' ? 'held' : 'now');
  const word = (s: string) => ({ done: t('done'), todo: t('to come'), back: t('sent back here'), held: t('held here'), now: t('under way') })[s]!;
  return <ol class="steps">{names.map((n, i) => <li key={i} class={`step step-${state(i)}`} aria-current={i === at && !ended ? 'step' : undefined}><span class="step-mark" aria-hidden="true" /><strong class="num">{n}</strong><span class="muted small">{word(state(i))}</span></li>)}</ol>;
}

function Bar({ share, label, tone }: { share: number; label: string; tone: string }) {
  return <svg class={`meter meter-${tone}`} viewBox="0 0 100 8" preserveAspectRatio="none" role="img" aria-label={label}><rect class="meter-ground" width="100" height="8" /><rect class="meter-fill" width={Math.max(0, Math.min(100, share * 100))} height="8" /></svg>;
}

/* Champion and candidate side by side, by what the newest window saw. */
function Arms({ r, values }: { r: Rollout; values: Record<string, unknown> }) {
  const shadow = r.stage === 'shadow', share = r.state === 'promoted' ? 1 : r.state === 'rolled_back' || shadow ? 0 : r.percent / 100;
  const rows: [string, string, (v: number | null) => string][] = [
    ['requests', t('Requests'), (v) => int(v)], ['error_rate', t('Errors'), (v) => percent(v, 2)], ['p90_ms', 'p90', (v) => ms(v)], ['p99_ms', 'p99', (v) => ms(v)], ['mean', t('Mean prediction'), (v) => num(v)],
    ['rmse', 'rmse', (v) => num(v)],
  ];
  const arm = (title: string, version: string, part: number, prefix: string, note: string) => (
    <div class="arm">
      <p><span class="muted">{title}</span> <a class="num" href={href(modelPath(r.model, version))}>v{version}</a> <strong class="num">{note}</strong></p>
      <Bar share={part} tone={prefix ? 'champion' : 'candidate'} label={t('v{version} answers {share} of the requests', { version, share: percent(part, 1) })} />
      <dl class="arm-facts">{rows.filter(([k]) => known(values[k]) !== null || known(values[`champion.${k}`]) !== null).map(([k, label, show]) => <div key={k}><dt>{label}</dt><dd class="num">{show(known(values[prefix + k]))}</dd></div>)}</dl>
    </div>
  );
  return <div class="arms">{arm(t('Champion'), r.champion, 1 - share, 'champion.', percent(1 - share, 1))}{arm(t('Candidate'), r.candidate, share, '', r.ended_ms === null && shadow ? t('shadow: answers are not used') : percent(share, 1))}</div>;
}

/* Each abort rule with its values in the newest window, and its verdicts over the last ones. */
function Rules({ r, checks }: { r: Rollout; checks: RolloutCheck[] }) {
  const newest = checks[0]?.detail?.rules ?? (r.strategy?.abort ?? []).map((rule) => ({ rule, breached: null, message: null as string | null }));
  const recent = checks.slice(0, WINDOWS_SHOWN).reverse();
  const verdict = (k: RolloutCheck, rule: string) => k.detail?.rules?.find((x) => x.rule === rule)?.breached ?? null;
  const text = (b: boolean | null) => (b === true ? t('breached') : b === false ? t('held off') : t('not known'));
  if (!newest.length) return <p class="muted">{t('No abort rules.')}</p>;
  return (
    <ul class="gates">{newest.map((x) => (
      <li key={x.rule} class="gate rule">
        <StatusMark state={x.breached === true ? 'breach' : x.breached === false ? 'ok' : 'unknown'} label={x.breached === true ? t('Breached') : x.breached === false ? t('Quiet') : t('Not known yet')} />
        <code class="gate-expr">{x.rule}</code>
        <span class="gate-why">{said(x.message)}</span>
        {recent.length > 0 && <span class="ticks" role="img" aria-label={recent.map((k) => `${clock(k.time_ms)} ${text(verdict(k, x.rule))}`).join(', ')}>{recent.map((k) => <span key={k.time_ms} class={`tick tick-${verdict(k, x.rule) === true ? 'bad' : verdict(k, x.rule) === false ? 'ok' : 'none'}`} title={`${clock(k.time_ms)} · ${text(verdict(k, x.rule))}`} />)}</span>}
      </li>
    ))}</ul>
  );
}

function Timer({ r }: { r: Rollout }) {
  const [now, tick] = useState(Date.now());
  useEffect(() => {
    const id = setInterval(() => !document.hidden && tick(Date.now()), 1000);
    return () => clearInterval(id);
  }, []);
  const left = (r.step_ends_ms ?? 0) - now;
  return <span class="num">{left > 0 ? t('{time} to go', { time: ms(Math.ceil(left / 1000) * 1000) }) : t('time is up')}</span>;
}

export function RolloutPanel({ name, first }: { name: string; first: RolloutAnswer }) {
  const { rollout: r, checks } = useRollout(name, first), over = r.ended_ms !== null, wanted = r.step_requests_wanted, had = Math.min(r.step_requests, wanted || r.step_requests);
  const body = <>
    <Steps r={r} />
    {!over && r.state !== 'waiting' && <div class="step-now">
      <p class="num">{t('{n} of {wanted} requests in this step', { n: int(r.step_requests), wanted: int(wanted) })}{r.step > 0 && <> · <Timer r={r} /></>}</p>
      <Bar share={wanted ? had / wanted : 1} tone="candidate" label={t('{n} of {wanted} requests in this step', { n: int(r.step_requests), wanted: int(wanted) })} />
    </div>}
    <Arms r={r} values={checks[0]?.detail?.values ?? {}} />
    <div><h3>{t('What sends it back')}</h3><p class="muted small">{t('The second breaching window of three rolls it back.')} {(r.recent_breaches ?? 0) > 0 && !over && <strong class="bad-text">{t('{n} of the last windows breached', { n: r.recent_breaches! })}</strong>}</p></div>
    <Rules r={r} checks={checks} />
  </>;
  return (
    <Section id="rollout" title={t('Rollout')} aside={<span class="muted small">{over ? <>{t('ended')} <Time at={r.ended_ms} /></> : <>{t('began')} <Time at={r.started_ms} /></>} · {r.actor}</span>}>
      <div class={`card rollout rollout-${r.state}`}>
        <div class="rollout-head">
          <p class="rollout-title"><StatusMark state={r.state} /> <span>{r.state === 'promoted' ? t('v{version} took over from v{old}', { version: r.candidate, old: r.champion }) : r.state === 'rolled_back' ? t('v{version} was sent back, v{old} serves', { version: r.candidate, old: r.champion }) : t('v{version} beside v{old}', { version: r.candidate, old: r.champion })}</span></p>
          {!over && <div class="actions">
            {r.state === 'paused' ? <button type="button" class="button" onClick={() => openMove(r, 'resume')}>{t('Resume')}…</button> : r.state === 'running' && <button type="button" class="button" onClick={() => openMove(r, 'pause')}>{t('Pause')}…</button>}
            <button type="button" class="button danger" onClick={() => openMove(r, 'rollback')}>{t('Send back')}…</button>
            <button type="button" class="button primary" onClick={() => openMove(r, 'promote')}>{t('Promote now')}…</button>
          </div>}
        </div>
        {r.reason && <p class={r.state === 'rolled_back' ? 'bad-text' : 'muted'}>{said(r.reason)}</p>}
        {over ? <Fold summary={t('Steps, arms and rules at the end')}><div class="rollout-body">{body}</div></Fold> : <div class="rollout-body">{body}</div>}
        <CommandLine label={t('CLI')} text={`slipway endpoint rollout ${name}`} />
      </div>
    </Section>
  );
}
