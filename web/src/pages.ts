// SPDX-License-Identifier: Apache-2.0
// The one table of pages: address, place in the navigation, title, what it asks the server for, which
// events change it. A new page is a row here, its shape in types.ts, its code in views/ and a line in
// views.ts. No view is imported here: the router reads this before any of them is loaded.
import { msg, t } from './i18n';
import type { IconName } from './ui/icons';
import type { Route } from './router';
import type { AuditEvent, ViewName } from './types';

export interface Page {
  view: ViewName;
  path: RegExp; params?: string[];                       /* names of the groups of path */
  nav?: { icon: IconName; label: string; key: string };  /* an entry of the navigation, reached by g and the key */
  under?: ViewName;                                      /* whose entry is lit; itself unless named */
  title?: (r: Route) => string;                          /* the label of nav unless given */
  cli: (r: Route) => string;                             /* the command that tells the same */
  ask?: (r: Route) => Record<string, string | null | undefined>; /* query of GET /api/v1/view/…: parameters and these names of the URL */
  pass?: string[];                                       /* names that go from the URL into that query as they are */
  endpoint?: string;                                     /* …/view/NAME when it is not the view's */
  touches?: (r: Route, e: AuditEvent) => boolean;        /* every event unless given */
}

const FIRST_COLUMNS = 24; /* of the runs table; the rest when in sight */
const of = (...kinds: string[]) => (_: Route, e: AuditEvent) => kinds.some((k) => e.kind.startsWith(k));
const ofEndpoint = (r: Route, e: AuditEvent) => (e.subject ?? '') === `endpoint/${r.params.name}`;

export const pages: Page[] = [
  { view: 'home', path: /^\/$/, nav: { icon: 'home', label: msg('Overview'), key: 'h' }, cli: () => 'slipway status' },
  { view: 'runs', path: /^\/runs$/, nav: { icon: 'runs', label: msg('Runs'), key: 'r' }, cli: () => 'slipway exp ls', endpoint: 'runs-table',
    ask: (r) => ({ columns: (r.query.get('columns') ?? '').split(',').slice(0, FIRST_COLUMNS).join(',') }), pass: ['filter', 'order_by', 'experiment'], touches: of('run.', 'experiment.') },
  { view: 'run', path: /^\/runs\/([^/]+)$/, params: ['id'], under: 'runs', title: (r) => `${t('Run')} ${r.params.id?.slice(0, 8)}`, cli: (r) => `slipway exp show run/${r.params.id?.slice(0, 8)}`,
    ask: (r) => ({ id: r.params.id }), touches: (r, e) => (e.subject ?? '').startsWith(`run/${r.params.id}`) || e.subject === 'run/*' || r.params.id === 'latest' },
  { view: 'compare', path: /^\/compare$/, under: 'runs', title: () => t('Compare'), cli: () => 'slipway status', touches: () => false,
    ask: (r) => (r.query.get('model') ? { model: r.query.get('model'), versions: r.query.get('versions') } : { ids: r.query.get('runs') ?? '' }) },
  { view: 'experiments', path: /^\/experiments$/, under: 'runs', title: () => t('Experiments'), cli: () => 'slipway exp ls --experiments', touches: (_, e) => /^(run|experiment)\./.test(e.kind) && !isHint(e) },
  { view: 'models', path: /^\/models$/, nav: { icon: 'models', label: msg('Models'), key: 'm' }, cli: () => 'slipway model ls' },
  { view: 'model', path: /^\/models\/([^/]+)$/, params: ['name'], under: 'models', title: (r) => r.params.name!, cli: (r) => `slipway model show ${r.params.name}`,
    ask: (r) => ({ name: r.params.name }), touches: (r, e) => (e.subject ?? '').includes(r.params.name!) || e.kind.startsWith('endpoint.') },
  { view: 'version', path: /^\/models\/([^/]+)\/([^/]+)$/, params: ['name', 'version'], under: 'models', title: (r) => `${r.params.name}:${r.params.version}`, cli: (r) => `slipway model show ${r.params.name}:${r.params.version}`,
    ask: (r) => ({ name: r.params.name, version: r.params.version }), touches: (r, e) => (e.subject ?? '').includes(r.params.name!) || e.kind.startsWith('endpoint.') },
  { view: 'endpoints', path: /^\/endpoints$/, nav: { icon: 'endpoints', label: msg('Endpoints'), key: 'e' }, cli: () => 'slipway status' },
  { view: 'endpoint', path: /^\/endpoints\/([^/]+)$/, params: ['name'], under: 'endpoints', title: (r) => `${r.params.name} · ${t('Endpoint')}`, cli: (r) => `slipway status endpoint/${r.params.name}`,
    ask: (r) => ({ name: r.params.name }), touches: (r, e) => (e.subject ?? '').includes(r.params.name!) },
  { view: 'monitor', path: /^\/endpoints\/([^/]+)\/monitor$/, params: ['name'], under: 'endpoints', title: (r) => `${r.params.name} · ${t('Drift')}`, cli: (r) => `slipway monitor windows ${r.params.name}`,
    ask: (r) => ({ name: r.params.name }), pass: ['limit'], touches: ofEndpoint },
  { view: 'feature', path: /^\/endpoints\/([^/]+)\/monitor\/([^/]+)$/, params: ['name', 'feature'], under: 'endpoints', title: (r) => `${r.params.feature} · ${r.params.name}`, cli: (r) => `slipway monitor windows ${r.params.name} --feature ${r.params.feature}`,
    ask: (r) => ({ name: r.params.name, feature: r.params.feature }), pass: ['at'], touches: () => false },
  { view: 'performance', path: /^\/endpoints\/([^/]+)\/performance$/, params: ['name'], under: 'endpoints', title: (r) => `${r.params.name} · ${t('Error over time')}`, cli: (r) => `slipway monitor windows ${r.params.name}`,
    ask: (r) => ({ name: r.params.name }), pass: ['limit'], touches: ofEndpoint },
  { view: 'story', path: /^\/endpoints\/([^/]+)\/story$/, params: ['name'], under: 'endpoints', title: (r) => `${r.params.name} · ${t('Story')}`, cli: (r) => `slipway monitor explain ${r.params.name}`,
    ask: (r) => ({ name: r.params.name }), touches: ofEndpoint },
  { view: 'alerts', path: /^\/alerts$/, nav: { icon: 'bell', label: msg('Alerts'), key: 'l' }, cli: () => 'slipway monitor alerts', touches: of('alert.') },
  { view: 'datasets', path: /^\/datasets$/, nav: { icon: 'datasets', label: msg('Datasets'), key: 'd' }, cli: () => 'slipway data ls', touches: of('dataset') },
  { view: 'dataset', path: /^\/datasets\/([^/]+)$/, params: ['name'], under: 'datasets', title: (r) => `${r.params.name} · ${t('Dataset')}`, cli: (r) => `slipway data show ${r.params.name}`,
    ask: (r) => ({ name: r.params.name }), pass: ['digest'], touches: of('dataset') },
  { view: 'audit', path: /^\/audit$/, nav: { icon: 'audit', label: msg('Audit log'), key: 'a' }, cli: () => 'slipway audit log', pass: ['subject', 'kind', 'actor', 'after', 'limit'] },
  { view: 'trash', path: /^\/trash$/, nav: { icon: 'trash', label: msg('Trash'), key: 't' }, cli: () => 'slipway trash', touches: (_, e) => /\.(deleted|restored|purged|renamed)$/.test(e.kind) },
];

const byView = new Map(pages.map((p) => [p.view as string, p]));
export const pageOf = (view: string): Page | undefined => byView.get(view);

/* Labels above are marked by msg(). */
export function navLabel(p: Page): string {
  const key = p.nav?.label ?? '';
  return t(key);
}

export function titleOf(r: Route): string {
  const p = pageOf(r.view);
  return p ? p.title?.(r) ?? navLabel(p) : t('There is no page here');
}

export const cliOf = (r: Route): string => pageOf(r.view)?.cli(r) ?? 'slipway status';

/* Which entry of the navigation a route belongs to. */
export function sectionOf(r: Route): string {
  if (r.view === 'compare' && r.query.get('model')) return 'models';
  return pageOf(r.view)?.under ?? r.view;
}

/* The one request of a route. */
export function viewUrl(r: Route): string {
  const p = pageOf(r.view), q = new URLSearchParams();
  for (const [k, v] of [...Object.entries(p?.ask?.(r) ?? {}), ...(p?.pass ?? []).map((n) => [n, r.query.get(n)] as const)]) if (v || k === 'ids') q.set(k, v ?? '');
  const text = q.toString().replace(/\+/g, '%20');
  return `/api/v1/view/${encodeURIComponent(p?.endpoint ?? r.view)}${text ? `?${text}` : ''}`;
}

/* A hint: a run got points, parameters or tags. It stands in no record and has no number. */
export const isHint = (e: AuditEvent) => e.kind === 'run.logged';

/* A window closed: it changes only what the pages of the monitor show. */
const isWindow = (e: AuditEvent) => e.kind === 'monitor.window_closed';
const MONITORED = ['monitor', 'performance'];

/* Whether an event changes what a route shows; a hint only where the page says so. */
export function touches(r: Route, e: AuditEvent): boolean {
  const p = pageOf(r.view);
  if (isWindow(e) && !MONITORED.includes(r.view)) return false;
  return p?.touches ? p.touches(r, e) : !isHint(e);
}
