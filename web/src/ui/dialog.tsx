// SPDX-License-Identifier: Apache-2.0
// Modal dialogs on the platform's own <dialog>: focus stays inside, Escape closes, focus returns.
import { signal } from '@preact/signals';
import { useEffect, useRef, useState } from 'preact/hooks';
import type { ComponentChildren } from 'preact';
import { curl, send, ApiError } from '../api';
import { t } from '../i18n';
import { reload } from '../state';
import { CommandLine, Copy } from './bits';
import { Icon } from './icons';
import { toast } from './toast';

export type Opened = { render: () => ComponentChildren } | null;
export const opened = signal<Opened>(null);
export const openDialog = (render: () => ComponentChildren) => (opened.value = { render });
export const closeDialog = () => (opened.value = null);

export function DialogHost() {
  const o = opened.value;
  return o ? <>{o.render()}</> : null;
}

export function Dialog({ title, children, wide, bare }: { title: string; children: ComponentChildren; wide?: boolean; bare?: boolean }) {
  const ref = useRef<HTMLDialogElement>(null);
  useEffect(() => {
    const before = document.activeElement as HTMLElement | null;
    ref.current?.showModal();
    return () => before?.isConnected && before.focus();
  }, []);
  return (
    <dialog ref={ref} class={`dialog${wide ? ' wide' : ''}${bare ? ' bare' : ''}`} aria-label={title}
      onClose={closeDialog} onClick={(e) => e.target === ref.current && ref.current?.close()}>
      <div class="dialog-body">
        {!bare && <div class="dialog-head"><h2>{title}</h2>
          <button type="button" class="icon-button" aria-label={t('Close')} onClick={() => ref.current?.close()}><Icon name="cross" /></button></div>}
        {children}
      </div>
    </dialog>
  );
}

/* CLI and API lines that do the same as the button. */
export function SameAs({ cli, method, path, body }: { cli: string; method: string; path: string; body?: unknown }) {
  return (
    <div class="same-as">
      <CommandLine label={t('CLI')} text={cli} />
      <CommandLine label={t('API')} text={curl(method, path, body)} />
    </div>
  );
}

export interface ActionProps {
  title: string; children?: ComponentChildren; button: string; tone?: 'primary' | 'danger'; done: string;
  method: string; path: string; body?: (reason: string) => unknown; cli: (reason: string) => string;
  reason?: boolean; confirm?: string; ready?: boolean; after?: () => void;
}

/* A dialog that performs one API call. `confirm` asks to type that name first. */
export function ActionDialog(p: ActionProps) {
  const [reason, setReason] = useState('');
  const [typed, setTyped] = useState('');
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<ApiError | null>(null);
  const body = p.body?.(reason);
  const submit = async (e: Event) => {
    e.preventDefault();
    setBusy(true);
    setError(null);
    try {
      await send(p.method, p.path, body);
      closeDialog();
      toast(p.done);
      p.after?.();
      await reload();
    } catch (x) {
      setError(x as ApiError);
    }
    setBusy(false);
  };
  return (
    <Dialog title={p.title}>
      <form onSubmit={submit} class="form">
        {p.children}
        {p.reason !== false && <label class="field"><span>{t('Reason (goes into the audit log)')}</span>
          <input value={reason} maxLength={500} onInput={(e) => setReason(e.currentTarget.value)} /></label>}
        {p.confirm && <label class="field"><span>{t('Type {name} to confirm', { name: p.confirm })}</span>
          <input value={typed} autocomplete="off" onInput={(e) => setTyped(e.currentTarget.value)} /></label>}
        {error && <div class="inline-error" role="alert"><p>{error.message}</p>{error.hint && <p>{error.hint}</p>}
          {error.requestId && <p class="muted">{t('Request id')} <code>{error.requestId}</code><Copy text={error.requestId} /></p>}</div>}
        <SameAs cli={p.cli(reason)} method={p.method} path={p.path} body={body} />
        <div class="actions end">
          <button type="button" class="button" onClick={closeDialog}>{t('Cancel')}</button>
          <button type="submit" class={`button ${p.tone ?? 'primary'}`} disabled={busy || p.ready === false || (!!p.confirm && typed !== p.confirm)}>{p.button}</button>
        </div>
      </form>
    </Dialog>
  );
}
