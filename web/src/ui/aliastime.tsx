// SPDX-License-Identifier: Apache-2.0
// Which version an alias pointed at, at any time, and every move of it: who, when, why.
import { useEffect, useState } from 'preact/hooks';
import { get, word } from '../api';
import { stamp } from '../format';
import { t } from '../i18n';
import { utc } from '../prefs';
import { href, modelPath, seg } from '../router';
import { CommandLine, Time } from './bits';

interface Move { version: string | null; time_ms: number; actor: string; reason: string | null }
interface Answer { version: string | null; history: Move[] }

/* The text of a datetime-local field in the zone of the page → milliseconds, or null. */
function toMs(text: string): number | null {
  const at = text ? Date.parse(utc.value ? `${text}Z` : text) : NaN;
  return Number.isFinite(at) ? at : null;
}

export default function AliasTime({ model, aliases, changed }: { model: string; aliases: string[]; changed: number }) {
  const [alias, setAlias] = useState(aliases.includes('champion') ? 'champion' : aliases[0] ?? 'champion'), [text, setText] = useState('');
  const [answer, set] = useState<Answer | null>(null), [error, setError] = useState('');
  const at = toMs(text), path = `/api/v1${modelPath(model)}/aliases/${seg(alias)}${at === null ? '' : `?at=${at}`}`;
  useEffect(() => {
    if (!alias) return;
    const stop = new AbortController();
    get<Answer>(path, stop.signal).then((a) => { set(a); setError(''); }, (e: Error) => { if (!stop.signal.aborted) { set(null); setError(e.message); } });
    return () => stop.abort();
  }, [path, changed]);
  const link = (v: string) => <a class="num" href={href(modelPath(model, v))}>v{v}</a>;
  return (
    <div class="alias-time">
      <div class="fields">
        <label class="field"><span>{t('Alias')}</span><input list="alias-names" value={alias} spellcheck={false} autocomplete="off" onInput={(e) => setAlias(e.currentTarget.value.trim())} /></label>
        <datalist id="alias-names">{aliases.map((a) => <option key={a} value={a} />)}</datalist>
        <label class="field"><span>{utc.value ? t('At (UTC), now when empty') : t('At, now when empty')}</span><input type="datetime-local" value={text} onInput={(e) => setText(e.currentTarget.value)} /></label>
      </div>
      {error ? <p class="muted" role="status">{error}</p> : answer && <>
        <p role="status" class="alias-answer">{answer.version ? <>@{alias} → {link(answer.version)}</> : t('@{alias} pointed nowhere', { alias })}{at !== null && <span class="muted"> · {stamp(at)}</span>}</p>
        <ol class="timeline" aria-label={t('History of @{alias}', { alias })}>{answer.history.slice(0, 50).map((m) => <li key={m.time_ms}>{m.version ? link(m.version) : <span class="muted">{t('removed')}</span>} <span class="muted"><Time at={m.time_ms} /> · {m.actor}{m.reason ? ` · ${m.reason}` : ''}</span></li>)}</ol>
      </>}
      <CommandLine label={t('CLI')} text={`slipway model alias ${word(model)} ${word(alias || 'ALIAS')}${at === null ? ' --history' : ` --at ${new Date(at).toISOString().slice(0, 19)}Z`}`} />
    </div>
  );
}
