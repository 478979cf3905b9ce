// SPDX-License-Identifier: Apache-2.0
// What is on screen: the view's code and data arrive together; until then the old view stays.
// Events that touch what is shown reload the data in place.
import { signal } from '@preact/signals';
import type { ComponentType } from 'preact';
import { get } from './api';
import { onEvent } from './live';
import { parse, route, seg, type Route } from './router';
import type { AuditEvent, ViewName, Views } from './types';

export interface ViewProps<V extends ViewName> { route: Route; data: Views[V] }
type AnyView = ComponentType<ViewProps<any>>;

export const screen = signal<{ route: Route; view: AnyView; data: unknown } | null>(null);
export const loading = signal(false);
export const failure = signal<{ error: unknown; route: Route } | null>(null);

type Loader = (name: ViewName | 'missing') => Promise<AnyView>;
let loadView: Loader;
/* Given at start, because the views themselves use this module. */
export const useViews = (loader: Loader) => (loadView = loader);

const FIRST_COLUMNS = 24;

/* Which runs, in which order: what all windows of the table share. */
export function runsQuery(r: Route): string {
  const q = new URLSearchParams();
  for (const n of ['filter', 'order_by', 'experiment']) {
    const v = r.query.get(n);
    if (v) q.set(n, v);
  }
  return q.toString().replace(/\+/g, '%20');
}

/* The one request of a route. */
export function viewUrl(r: Route): string {
  const q = new URLSearchParams();
  const copy = (...names: string[]) => {
    for (const n of names) {
      const v = r.query.get(n);
      if (v) q.set(n, v);
    }
  };
  if (r.view === 'runs') {
    copy('filter', 'order_by', 'experiment');
    const columns = (r.query.get('columns') ?? '').split(',').slice(0, FIRST_COLUMNS).join(','); /* the rest when in sight */
    if (columns) q.set('columns', columns);
  }
  if (r.view === 'run') q.set('id', r.params.id!);
  if (r.view === 'compare') {
    if (r.query.get('model')) copy('model', 'versions');
    else q.set('ids', r.query.get('runs') ?? '');
  }
  if (r.view === 'model' || r.view === 'version') {
    q.set('name', r.params.name!);
    if (r.params.version) q.set('version', r.params.version);
  }
  if (r.view === 'endpoint' || r.view === 'dataset') q.set('name', r.params.name!);
  if (r.view === 'dataset') copy('digest');
  if (r.view === 'audit') copy('subject', 'kind', 'actor', 'after', 'limit');
  const text = q.toString().replace(/\+/g, '%20');
  return `/api/v1/view/${r.view === 'runs' ? 'runs-table' : seg(r.view)}${text ? `?${text}` : ''}`;
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
  const r = parse(location.pathname, location.search);
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

/* Which events a route cares about. */
function touches(r: Route, e: AuditEvent): boolean {
  const s = e.subject ?? '';
  switch (r.view) {
    case 'run': return s.startsWith(`run/${r.params.id}`) || r.params.id === 'latest';
    case 'runs': return e.kind.startsWith('run.');
    case 'model': case 'version': return s.includes(r.params.name!) || e.kind.startsWith('endpoint.');
    case 'endpoint': return s.includes(r.params.name!);
    case 'dataset': case 'datasets': return e.kind.startsWith('dataset');
    case 'compare': return false;
    default: return true;
  }
}

export const fresh = signal(0); /* rows that arrived while the table was in use */
let timer = 0;
onEvent((e) => {
  if (!touches(route.value, e)) return;
  if (route.value.view === 'runs' || route.value.view === 'audit') {
    fresh.value++;
    if (document.querySelector('.table-scroll:hover, .table-scroll:focus-within')) return;
  }
  schedule();
});

function schedule(): void {
  if (timer) return;
  timer = window.setTimeout(() => {
    timer = 0;
    if (document.hidden) return void addEventListener('visibilitychange', schedule, { once: true });
    fresh.value = 0;
    void reload();
  }, 250);
}
