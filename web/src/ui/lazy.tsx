// SPDX-License-Identifier: Apache-2.0
// A part whose code is a chunk of its own, fetched when it is first shown.
import { useEffect, useState } from 'preact/hooks';
import type { ComponentType } from 'preact';
import { t } from '../i18n';

export function lazy<P extends object>(load: () => Promise<{ default: ComponentType<P> }>): ComponentType<P> {
  let ready: ComponentType<P> | null = null;
  return function Lazy(props: P) {
    const [, again] = useState(0), [error, setError] = useState('');
    useEffect(() => {
      if (!ready) load().then((m) => { ready = m.default; again(1); }, (e: Error) => setError(e.message));
    }, []);
    const Part = ready;
    return Part ? <Part {...props} /> : error ? <p class="inline-error" role="alert">{error}</p> : <div class="sk sk-block" role="status" aria-label={t('Loading')} />;
  };
}

/* Search, help, deploying: dialogs whose code comes when they are first opened. */
export const openPalette = () => void import('./palette').then((m) => m.openPalette());
export const openHelp = () => void import('./palette').then((m) => m.openHelp());
export const openPromote = (...what: Parameters<typeof import('./actions').openPromote>) => void import('./actions').then((m) => m.openPromote(...what));
export const openRollback = (...what: Parameters<typeof import('./actions').openRollback>) => void import('./actions').then((m) => m.openRollback(...what));
export const openDeploy = (...what: Parameters<typeof import('./actions').openDeploy>) => void import('./actions').then((m) => m.openDeploy(...what));
export const openMove = (...what: Parameters<typeof import('./rolloutmoves').openMove>) => void import('./rolloutmoves').then((m) => m.openMove(...what));
export const openBegin = (...what: Parameters<typeof import('./rolloutmoves').openBegin>) => void import('./rolloutmoves').then((m) => m.openBegin(...what));
export const openAcknowledge = (...what: Parameters<typeof import('./alertmoves').openAcknowledge>) => void import('./alertmoves').then((m) => m.openAcknowledge(...what));
export const openSilence = (...what: Parameters<typeof import('./alertmoves').openSilence>) => void import('./alertmoves').then((m) => m.openSilence(...what));
export const openFreeze = (...what: Parameters<typeof import('./alertmoves').openFreeze>) => void import('./alertmoves').then((m) => m.openFreeze(...what));
