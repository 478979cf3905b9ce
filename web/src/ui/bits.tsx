// SPDX-License-Identifier: Apache-2.0
// The small parts that every page uses: status, times, numbers, copy buttons, empty and error states.
import { useEffect, useState } from 'preact/hooks';
import type { ComponentChildren } from 'preact';
import { ApiError, curl, setToken, signedOut } from '../api';
import { ago, num, short, stamp } from '../format';
import { msg, t } from '../i18n';
import { reload } from '../state';
import { toast } from './toast';
import { Icon, type IconName } from './icons';

type Tone = 'ok' | 'bad' | 'warn' | 'busy' | 'idle';
const words: Record<string, [Tone, string]> = {
  finished: ['ok', msg('Finished')], success: ['ok', msg('Done')], failed: ['bad', msg('Failed')],
  refused: ['warn', msg('Refused')], killed: ['bad', msg('Cancelled')], running: ['busy', msg('Running')],
  scheduled: ['idle', msg('Scheduled')], skipped: ['idle', msg('Skipped')], ready: ['ok', msg('Ready')],
  loading: ['busy', msg('Loading')], not_served: ['idle', msg('Not served')], passed: ['ok', msg('Passed')],
  unknown: ['idle', msg('Not computed')], pending: ['idle', msg('Waiting')],
  ok: ['ok', msg('In order')], warning: ['warn', msg('Warning')], drifted: ['bad', msg('Drifted')], insufficient_data: ['idle', msg('Too little data')],
  firing: ['bad', msg('Firing')], acknowledged: ['warn', msg('Acknowledged')], resolved: ['ok', msg('Over')], breach: ['bad', msg('Breached')],
  promoted: ['ok', msg('Promoted')], rolled_back: ['bad', msg('Rolled back')], paused: ['warn', msg('Paused')], waiting: ['warn', msg('Waits for a person')],
};

const shapes: Record<Tone, string> = {
  ok: 'M6 1a5 5 0 1 0 0 10A5 5 0 0 0 6 1zM3.6 6.2l1.7 1.7 3.2-3.5',
  bad: 'M3.7 1h4.6L11 3.7v4.6L8.3 11H3.7L1 8.3V3.7zM4.2 4.2l3.6 3.6M7.8 4.2 4.2 7.8',
  warn: 'M6 1.2 11 10.5H1zM6 4.6v2.6M6 8.8v.1',
  busy: 'M6 1.5A4.5 4.5 0 1 1 1.5 6',
  idle: 'M6 1.5a4.5 4.5 0 1 0 0 9 4.5 4.5 0 0 0 0-9zM3.8 6h4.4',
};

/* Shape + word + colour, never colour alone. */
export function StatusMark({ state, label }: { state: string; label?: string }) {
  const [tone, text] = words[state.toLowerCase()] ?? (['idle', state] as [Tone, string]);
  const known = state.toLowerCase() in words;
  return (
    <span class={`status status-${tone}`}>
      <svg width="12" height="12" viewBox="0 0 12 12" aria-hidden="true" focusable="false"><path d={shapes[tone]} /></svg>
      {label ?? (known ? statusText(text) : text)}
    </span>
  );
}

/* Keys here are those marked by msg() above. */
function statusText(key: string): string {
  return t(key);
}

export const gateState = (passed: boolean | null | undefined) => (passed === true ? 'passed' : passed === false ? 'failed' : 'unknown');

export function Num({ v, digits }: { v: unknown; digits?: number }) {
  return <span class="num" title={typeof v === 'number' ? String(v) : undefined}>{num(v, digits)}</span>;
}

/* A value with its confidence interval. */
export function WithInterval({ v }: { v: { value?: number | null; low?: number | null; high?: number | null } | null | undefined }) {
  if (!v || v.value === null || v.value === undefined) return <span class="num muted">–</span>;
  return (
    <span class="num" title={String(v.value)}>
      {num(v.value)}
      {v.low !== undefined && v.low !== null && v.high !== undefined && v.high !== null &&
        <span class="interval"> [{num(v.low, 3)}, {num(v.high, 3)}]</span>}
    </span>
  );
}

export function Time({ at }: { at: number | null | undefined }) {
  const [, tick] = useState(0);
  useEffect(() => {
    const id = setInterval(() => !document.hidden && tick((n) => n + 1), 30_000);
    return () => clearInterval(id);
  }, []);
  if (!at) return <span class="muted">–</span>;
  return <time dateTime={new Date(at).toISOString()} title={stamp(at)}>{ago(at)}</time>;
}

/* Copies by the clipboard API, or by selection where the page is not a secure context. */
export async function copyText(text: string): Promise<void> {
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    const area = document.createElement('textarea');
    area.value = text;
    area.className = 'offscreen';
    (document.querySelector('dialog[open]') ?? document.body).append(area);
    area.select();
    document.execCommand('copy');
    area.remove();
  }
  toast(t('Copied'));
}

export function Copy({ text, label }: { text: string; label?: string }) {
  const [done, set] = useState(false);
  const name = label ?? t('Copy');
  return (
    <button type="button" class="icon-button" aria-label={name} title={name}
      onClick={() => { void copyText(text); set(true); setTimeout(() => set(false), 1500); }}>
      <Icon name={done ? 'check' : 'copy'} size={14} />
    </button>
  );
}

/* One shell line to copy, with what it is for. */
export function CommandLine({ text, label }: { text: string; label?: string }) {
  return (
    <div class="command">
      {label && <span class="command-label">{label}</span>}
      <code tabIndex={0}>{text}</code>
      <Copy text={text} label={label ? t('Copy: {what}', { what: label }) : t('Copy command')} />
    </div>
  );
}

export function Digest({ hex, n = 10 }: { hex: string | null | undefined; n?: number }) {
  if (!hex) return <span class="muted">–</span>;
  return <span class="digest"><code title={hex}>{short(hex, n)}</code><Copy text={hex} label={t('Copy digest')} /></span>;
}

/* Why there is nothing here, and the command that makes one. */
export function Empty({ title, why, command, icon }: { title: string; why?: string; command?: string; icon?: IconName }) {
  return (
    <div class="empty">
      {icon && <span class="empty-icon"><Icon name={icon} size={22} /></span>}
      <p class="empty-title">{title}</p>
      {why && <p class="muted">{why}</p>}
      {command && <CommandLine text={command} />}
    </div>
  );
}

export function SignIn() {
  const [value, set] = useState('');
  return (
    <form class="card sign-in" onSubmit={(e) => { e.preventDefault(); setToken(value.trim()); void reload(); }}>
      <h1 tabIndex={-1}>{t('Sign in')}</h1>
      <p class="muted">{t('This server asks for a token. It is kept in this tab only.')}</p>
      <label class="field"><span>{t('Token')}</span>
        <input type="password" autocomplete="current-password" required value={value}
          onInput={(e) => set(e.currentTarget.value)} />
      </label>
      <button class="button primary" type="submit">{t('Sign in')}</button>
    </form>
  );
}

/* Instead of a spinner that never ends: what happened, the request id, what to do. */
export function Failure({ error, cli }: { error: unknown; cli?: string }) {
  const e = error instanceof ApiError ? error : null;
  if (signedOut.value && e?.status === 401) return <SignIn />;
  const title = e?.status === 404 ? t('Not found') : e?.status === 0 ? t('The server does not answer') : t('This did not work');
  return (
    <div class="failure card" role="alert">
      <h1 tabIndex={-1}><Icon name="warn" size={18} /> {title}</h1>
      <p>{e ? e.message : String((error as Error)?.message ?? error)}</p>
      {e?.hint && <p class="muted">{e.hint}</p>}
      {e?.requestId && <p class="muted">{t('Request id')} <code>{e.requestId}</code> <Copy text={e.requestId} /></p>}
      <div class="actions"><button type="button" class="button primary" onClick={() => void reload()}>{t('Try again')}</button></div>
      {cli && <CommandLine label={t('CLI')} text={cli} />}
      {e && <CommandLine label={t('API')} text={curl(e.method, e.path)} />}
    </div>
  );
}

/* A section with its heading; the heading names the landmark. */
export function Section({ title, aside, children, id }: { title: string; aside?: ComponentChildren; children: ComponentChildren; id?: string }) {
  return (
    <section class="section" id={id}>
      <div class="section-head"><h2>{title}</h2>{aside && <div class="section-aside">{aside}</div>}</div>
      {children}
    </section>
  );
}

/* Which row a button belongs to, for those who do not see the row. */
export const Of = ({ name }: { name: string }) => <span class="offscreen"> {name}</span>;

/* Label and value pairs. */
export function Facts({ items }: { items: [string, ComponentChildren][] }) {
  return <dl class="facts">{items.filter(([, v]) => v !== null && v !== undefined && v !== '').map(([k, v]) => <div key={k}><dt>{k}</dt><dd>{v}</dd></div>)}</dl>;
}

export function Fold({ summary, children, open }: { summary: ComponentChildren; children: ComponentChildren; open?: boolean }) {
  return <details class="fold" open={open}><summary>{summary}</summary>{children}</details>;
}

/* The row of facts under a page's title. */
export function KeyFacts({ items }: { items: [string, ComponentChildren][] }) {
  return <dl class="key-facts">{items.filter(([, v]) => v !== null && v !== undefined && v !== '').map(([k, v]) => <div key={k}><dt>{k}</dt><dd>{v}</dd></div>)}</dl>;
}
