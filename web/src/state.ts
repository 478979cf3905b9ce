// SPDX-License-Identifier: Apache-2.0
// What is on screen: the view's code and data arrive together; until then the old view stays.
// Events that touch what is shown reload the data in place.
import { signal } from '@preact/signals';
import type { ComponentType } from 'preact';
import { get } from './api';
import { onEvent } from './live';
import { isHint, touches, viewUrl } from './pages';
import { route, type Route } from './router';
import type { ViewName, Views } from './types';

export interface ViewProps<V extends ViewName> { route: Route; data: Views[V] }
type AnyView = ComponentType<ViewProps<any>>;

export const screen = signal<{ route: Route; view: AnyView; data: unknown } | null>(null);
export const loading = signal(false);
export const failure = signal<{ error: unknown; route: Route } | null>(null);

type Loader = (name: ViewName | 'missing') => Promise<AnyView>;
let loadView: Loader;
/* Given at start, because the views themselves use this module. */
export const useViews = (loader: Loader) => (loadView = loader);

/* Which runs, in which order: what all windows of the table share. */
export function runsQuery(r: Route): string {
  const q = new URLSearchParams();
  for (const n of ['filter', 'order_by', 'experiment']) {
    const v = r.query.get(n);
    if (v) q.set(n, v);
  }
  return q.toString().replace(/\+/g, '%20');
}

/* Data that the shell put into the page for its own URL: used once. */
function inlined(url: string): unknown {
  const el = document.getElementById('slipway-view');
  if (!el || el.dataset.url !== url) return undefined;
  el.remove();
  try {
    return JSON.parse(el.textContent ?? '');
  } catch {
    return undefined;
  }
}

let abort: AbortController | null = null;
let shownUrl = '';

/* Data already shown and still right when only presentation (sort, tab, columns) changed. */
export async function show(r: Route): Promise<void> {
  abort?.abort();
  const mine = (abort = new AbortController());
  if (r.view === 'missing') {
    failure.value = null;
    screen.value = { route: r, view: await loadView('missing'), data: null };
    shownUrl = '';
    loading.value = false;
    return;
  }
  const url = viewUrl(r);
  if (url === shownUrl && screen.value && screen.value.route.view === r.view && !failure.value) {
    screen.value = { ...screen.value, route: r };
    loading.value = false;
    return;
  }
  loading.value = true;
  try {
    const code = loadView(r.view);
    const data = inlined(url) ?? (await get<unknown>(url, mine.signal));
    const view = await code;
    if (mine.signal.aborted) return;
    shownUrl = url;
    failure.value = null;
    screen.value = { route: r, view, data };
  } catch (error) {
    if (mine.signal.aborted) return;
    shownUrl = '';
    failure.value = { error, route: r };
  }
  loading.value = false;
}

/* Fetches the shown view again and swaps the data in; a failure leaves what is there. */
export async function reload(): Promise<void> {
  const r = route.value;
  if (failure.value) return show(r);
  if (r.view === 'missing') return;
  const url = viewUrl(r);
  try {
    const data = await get<unknown>(url);
    if (url === shownUrl && screen.value) screen.value = { ...screen.value, data };
  } catch {
    /* the next event or the person tries again */
  }
}

export const fresh = signal(0); /* rows that arrived while the table was in use */
const SOON = 250, HINTED = 1000, BUSY = '.table-scroll:hover, .table-scroll:focus-within';
let timer = 0;
onEvent((e) => {
  if (!touches(route.value, e)) return;
  if (isHint(e)) return schedule(HINTED);
  if (route.value.view === 'runs' || route.value.view === 'audit') {
    fresh.value++;
    if (document.querySelector(BUSY)) return;
  }
  schedule(SOON);
});

/* Nothing moves under the pointer: what runs log waits until it has left the table. */
function schedule(wait: number): void {
  if (timer) return;
  timer = window.setTimeout(() => {
    timer = 0;
    if (document.hidden) return void addEventListener('visibilitychange', () => schedule(SOON), { once: true });
    if (wait === HINTED && document.querySelector(BUSY)) return schedule(HINTED);
    fresh.value = 0;
    void reload();
  }, wait);
}
