// SPDX-License-Identifier: Apache-2.0
// Who did what to which object, before and after, and why.
import { useState } from 'preact/hooks';
import { get, word } from '../api';
import { plain, stamp } from '../format';
import { t } from '../i18n';
import { href, refPath, seg, setQuery } from '../router';
import { viewUrl } from '../pages';
import type { ViewProps } from '../state';
import type { AuditEvent, Page, Views } from '../types';
import { CommandLine, Copy, Digest, Empty, Fold, Time } from '../ui/bits';
import { eventText } from '../ui/objects';

/* Members that changed, as "name: before → after". */
function Diff({ e }: { e: AuditEvent }) {
  const b = e.before, a = e.after;
  if ((b === null || b === undefined) && (a === null || a === undefined)) return null;
  const obj = (x: unknown) => (x && typeof x === 'object' && !Array.isArray(x) ? (x as Record<string, unknown>) : null), ob = obj(b), oa = obj(a);
  if (!ob && !oa) return <p class="diff"><del>{plain(b)}</del> → <ins>{plain(a)}</ins></p>;
  const keys = [...new Set([...Object.keys(ob ?? {}), ...Object.keys(oa ?? {})])].filter((k) => JSON.stringify(ob?.[k]) !== JSON.stringify(oa?.[k]));
  if (!keys.length) return null;
  return (
    <dl class="diff">
      {keys.slice(0, 8).map((k) => <div key={k}><dt>{k}</dt><dd>{ob && k in ob && <del class="breakable">{plain(ob[k]).slice(0, 120)}</del>}{ob && k in ob && oa && k in oa && <span aria-hidden="true"> → </span>}{oa && k in oa && <ins class="breakable">{plain(oa[k]).slice(0, 120)}</ins>}</dd></div>)}
      {keys.length > 8 && <Fold summary={t('{n} more', { n: keys.length - 8 })}><pre class="log" tabIndex={0}>{JSON.stringify({ before: b, after: a }, null, 2)}</pre></Fold>}
    </dl>
  );
}

function Filters({ query }: { query: URLSearchParams }) {
  const [f, set] = useState({ actor: query.get('actor') ?? '', kind: query.get('kind') ?? '', subject: query.get('subject') ?? '' });
  const field = (k: keyof typeof f, label: string, example: string, first?: boolean) => (
    <label class="field"><span>{label}</span><input value={f[k]} placeholder={example} spellcheck={false} autocomplete="off" data-filter={first || undefined} onInput={(e) => set({ ...f, [k]: e.currentTarget.value })} /></label>);
  return (
    <form class="filters" role="search" onSubmit={(e) => { e.preventDefault(); setQuery({ ...f, after: null }); }}>
      {field('subject', t('Object'), 'model/diabetes:1', true)}{field('kind', t('Action'), 'endpoint.')}{field('actor', t('Actor'), 'user:')}
      <button type="submit" class="button">{t('Apply')}</button>
      {(query.get('actor') || query.get('kind') || query.get('subject')) && <button type="button" class="button" onClick={() => { set({ actor: '', kind: '', subject: '' }); setQuery({ actor: null, kind: null, subject: null }); }}>{t('Clear')}</button>}
    </form>
  );
}

function cli(q: URLSearchParams): string {
  const parts = ['slipway audit log'];
  if (q.get('subject')) parts.push(word(q.get('subject')!));
  for (const k of ['kind', 'actor']) if (q.get(k)) parts.push(`--${k} ${word(q.get(k)!)}`);
  return parts.join(' ');
}

export default function Audit({ data, route }: ViewProps<'audit'>) {
  const [more, setMore] = useState<{ from: Page<AuditEvent>; rows: AuditEvent[]; next: string | null | undefined } | null>(null);
  const extra = more && more.from === data.audit ? more : null, rows = [...data.audit.items, ...(extra?.rows ?? [])];
  const next = extra ? extra.next : data.audit.next_page_token;
  const load = async () => {
    const url = viewUrl(route), page = await get<Views['audit']>(`${url}${url.includes('?') ? '&' : '?'}page_token=${seg(next!)}`);
    setMore({ from: data.audit, rows: [...(extra?.rows ?? []), ...page.audit.items], next: page.audit.next_page_token });
  };
  const shown = rows.slice(0, 150);
  return (
    <div class="page">
      <header class="page-head"><h1 tabIndex={-1}>{t('Audit log')}</h1></header>
      <Filters query={route.query} key={route.query.toString()} />
      {rows.length ? <ol class="audit">{shown.map((e) => {
        const to = refPath(e.subject);
        return (
          <li key={e.seq} id={`e${e.seq}`}>
            <div class="audit-when"><Time at={e.time_ms} /><span class="muted small num">{stamp(e.time_ms)}</span></div>
            <div class="grow"><p><strong>{eventText(e)}</strong> <code class="kind">{e.kind}</code></p>
              <p class="muted small">{e.actor} · {to ? <a href={href(to)}>{e.subject}</a> : e.subject} · #{e.seq}{e.request_id && <> · {t('Request id')} <Digest hex={e.request_id} n={36} /></>}</p>
              {e.reason && <p>“{e.reason}”</p>}<Diff e={e} /></div>
            <Copy text={JSON.stringify(e)} label={t('Copy entry {seq}', { seq: e.seq })} />
          </li>
        );
      })}</ol> : <Empty icon="audit" title={route.query.toString() ? t('No entry matches') : t('Nothing has changed yet')} why={t('Every change of state is written here in the same transaction.')} command="slipway audit log" />}
      {rows.length > shown.length && <p class="muted">{t('The first {n} are shown; narrow the filter to see others.', { n: shown.length })}</p>}
      {next && rows.length < 150 && <div class="actions centre"><button type="button" class="button" onClick={() => void load()}>{t('Load more')}</button></div>}
      <CommandLine label={t('CLI')} text={cli(route.query)} />
    </div>
  );
}
