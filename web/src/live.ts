// SPDX-License-Identifier: Apache-2.0
// One event stream per browser: the tab that holds the lock reads /api/v1/events and tells the others
// through a BroadcastChannel. Without Web Locks (plain HTTP on another host) each tab reads its own.
// fetch instead of EventSource, because a stream behind a token needs a header.
import { signal } from '@preact/signals';
import { authHeaders } from './api';
import { base } from './base';
import type { AuditEvent } from './types';

export const connected = signal<boolean | null>(null);
type Listener = (e: AuditEvent) => void;
export const ANY_RUN = 'run/*'; /* subject of a hint that may mean any run */
const listeners = new Set<Listener>();
let lastId = '';

export function onEvent(fn: Listener): () => void {
  listeners.add(fn);
  return () => listeners.delete(fn);
}

function tell(e: AuditEvent): void {
  for (const fn of listeners) fn(e);
}

/* Reads one connection to its end; lines are those of text/event-stream. */
async function readStream(emit: (e: AuditEvent) => void): Promise<void> {
  const path = lastId ? `/api/v1/events?after=${encodeURIComponent(lastId)}` : '/api/v1/events';
  const r = await fetch(base + path, { headers: { accept: 'text/event-stream', ...authHeaders(), ...(lastId ? { 'last-event-id': lastId } : {}) } });
  if (!r.ok || !r.body) throw new Error(String(r.status));
  connected.value = true;
  emit({ kind: 'run.logged', subject: ANY_RUN } as AuditEvent); /* what was logged before the stream began, nobody told */
  const reader = r.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = '', data = '';
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    rest += value;
    const lines = rest.split(/\r?\n/);
    rest = lines.pop() ?? '';
    for (const line of lines) {
      if (line === '' && data) {
        try {
          emit(JSON.parse(data) as AuditEvent);
        } catch {
          /* not ours */
        }
        data = '';
      } else if (line.startsWith('id:')) lastId = line.slice(3).trim();
      else if (line.startsWith('data:')) data += line.slice(5).trim();
    }
  }
}

async function run(emit: (e: AuditEvent) => void): Promise<never> {
  let wait = 1000;
  for (;;) {
    const began = Date.now();
    try {
      await readStream(emit);
    } catch {
      /* reconnect below */
    }
    connected.value = false;
    wait = Date.now() - began > 10_000 ? 1000 : Math.min(wait * 2, 30_000);
    await new Promise((done) => setTimeout(done, wait));
  }
}

export function startLive(after?: number): void {
  if (after) lastId = String(after);
  const channel = 'BroadcastChannel' in window ? new BroadcastChannel('slipway-events' + base) : null;
  if (navigator.locks && channel) {
    channel.onmessage = (m) => {
      connected.value = true;
      tell(m.data as AuditEvent);
    };
    void navigator.locks.request('slipway-events' + base, () => run((e) => {
      tell(e);
      channel.postMessage(e);
    }));
  } else void run(tell);
}
