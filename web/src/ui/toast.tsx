// SPDX-License-Identifier: Apache-2.0
// Short confirmations, and the one polite live region that also announces page changes.
import { signal } from '@preact/signals';

const current = signal<{ text: string; tone: 'ok' | 'bad' } | null>(null);
export const announcement = signal('');
let timer = 0;

export function toast(text: string, tone: 'ok' | 'bad' = 'ok'): void {
  current.value = { text, tone };
  announcement.value = text;
  clearTimeout(timer);
  timer = window.setTimeout(() => (current.value = null), tone === 'ok' ? 2500 : 8000);
}

export function Toasts() {
  const c = current.value;
  return (
    <>
      <div class="offscreen" aria-live="polite" role="status">{announcement.value}</div>
      {c && <div class={`toast toast-${c.tone}`} aria-hidden="true">{c.text}</div>}
    </>
  );
}
