// SPDX-License-Identifier: Apache-2.0
// Short confirmations, with a way back where there is one, and the one polite live region that also
// announces page changes.
import { signal } from '@preact/signals';

interface Way { label: string; run: () => void }
const current = signal<{ text: string; tone: 'ok' | 'bad'; way?: Way } | null>(null);
export const announcement = signal('');
let timer = 0;

export function toast(text: string, tone: 'ok' | 'bad' = 'ok', way?: Way): void {
  current.value = { text, tone, way };
  announcement.value = text;
  clearTimeout(timer);
  timer = window.setTimeout(() => (current.value = null), way ? 12_000 : tone === 'ok' ? 2500 : 8000);
}

export function Toasts() {
  const c = current.value;
  return (
    <>
      <div class="offscreen" aria-live="polite" role="status">{announcement.value}</div>
      {c && <div class={`toast toast-${c.tone}`}><span aria-hidden="true">{c.text}</span>{c.way && <button type="button" class="button small" onClick={() => { current.value = null; c.way!.run(); }}>{c.way.label}</button>}</div>}
    </>
  );
}
