// SPDX-License-Identifier: Apache-2.0
// History paths under the base path. The URL is the state: views read filters, sorting, tabs and
// selections from `route` and change them with setQuery. What makes an address very long (columns and
// their widths) moves behind the #, which no server or proxy gets to see and so none can refuse.
import { signal } from '@preact/signals';
import { base } from './base';
import { pages } from './pages';
import type { ViewName } from './types';

export interface Route {
  view: ViewName | 'missing';
  path: string;
  params: Record<string, string>;
  query: URLSearchParams;
}

function safeDecode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

const SEARCH_MAX = 1800, HASHED = ['columns', 'widths', 'pin'];

export function parse(pathname: string, search: string, hash = ''): Route {
  let path = pathname.startsWith(base) ? pathname.slice(base.length) : pathname;
  path = path.length > 1 ? path.replace(/\/$/, '') : path || '/';
  const query = new URLSearchParams(search);
  for (const [k, v] of new URLSearchParams(hash.slice(1))) if (HASHED.includes(k) && !query.has(k)) query.set(k, v);
  for (const p of pages) {
    const m = p.path.exec(path);
    if (m) {
      const params: Record<string, string> = {};
      p.params?.forEach((n, i) => (params[n] = safeDecode(m[i + 1] ?? '')));
      return { view: p.view, path, params, query };
    }
  }
  return { view: 'missing', path, params: {}, query };
}

export const route = signal<Route>(parse(location.pathname, location.search, location.hash));

/* The address within the base path for a path such as '/runs/4f2a'. */
export const href = (path: string) => base + path;
export const seg = encodeURIComponent;
export const runPath = (id: string) => `/runs/${seg(id)}`;
export const modelPath = (name: string, version?: string | number | null) =>
  version === undefined || version === null ? `/models/${seg(name)}` : `/models/${seg(name)}/${seg(String(version))}`;
export const endpointPath = (name: string) => `/endpoints/${seg(name)}`;
export const featurePath = (endpoint: string, feature: string, at?: number | null) => `${endpointPath(endpoint)}/monitor/${seg(feature)}${at ? `?at=${at}` : ''}`;
export const datasetPath = (name: string, digest?: string | null) =>
  `/datasets/${seg(name)}${digest ? `?digest=${seg(digest)}` : ''}`;

function shortened(url: URL): URL {
  if (url.search.length <= SEARCH_MAX) return url;
  const behind = new URLSearchParams();
  for (const k of HASHED) {
    const v = url.searchParams.get(k);
    if (!v) continue;
    behind.set(k, v);
    url.searchParams.delete(k);
  }
  url.hash = behind.toString();
  return url;
}

export function navigate(to: string, how: { replace?: boolean; edit?: boolean } = {}): void {
  const url = shortened(new URL(to, location.origin));
  if (url.pathname + url.search + url.hash === location.pathname + location.search + location.hash) return;
  history.replaceState({ ...history.state, scroll: scrollY }, '');
  history[how.replace ? 'replaceState' : 'pushState']({ edit: how.edit ?? false }, '', url);
  route.value = parse(url.pathname, url.search, url.hash);
}

/* Changes parts of the query: null and '' remove. Undo of such an edit is Back, or Ctrl-Z. */
export function setQuery(changes: Record<string, string | null>, replace = false): void {
  const q = new URLSearchParams(route.value.query);
  for (const [k, v] of Object.entries(changes)) {
    if (v === null || v === '') q.delete(k);
    else q.set(k, v);
  }
  const text = q.toString();
  navigate(location.pathname + (text ? `?${text}` : ''), { replace, edit: true });
}

/* A reference as in the CLI ('run/4f2a', 'model/diabetes:3', 'endpoint/x') → path, or null. */
export function refPath(ref: string | null | undefined): string | null {
  if (!ref) return null;
  if (ref.startsWith('/')) return ref;
  const m = /^([a-z_]+)\/(.+)$/.exec(ref);
  if (!m) return null;
  const kind = m[1]!, rest = m[2]!;
  const at = rest.lastIndexOf(':');
  if (kind === 'run') return runPath(rest);
  if (kind === 'endpoint') return endpointPath(rest);
  if (kind === 'data' || kind === 'dataset') {
    const cut = Math.max(rest.lastIndexOf('@'), at);
    return cut > 0 ? datasetPath(rest.slice(0, cut), rest.slice(cut + 1)) : datasetPath(rest);
  }
  if (kind === 'model' || kind === 'model_version')
    return at > 0 ? modelPath(rest.slice(0, at), rest.slice(at + 1)) : modelPath(rest);
  return null;
}

addEventListener('popstate', () => {
  route.value = parse(location.pathname, location.search, location.hash);
});

document.addEventListener('click', (e) => {
  if (e.defaultPrevented || e.button !== 0 || e.metaKey || e.ctrlKey || e.shiftKey || e.altKey) return;
  const a = (e.target as Element | null)?.closest?.('a');
  if (!a || a.target || a.hasAttribute('download') || a.origin !== location.origin) return;
  if (a.hash && a.pathname === location.pathname) return;
  const r = parse(a.pathname, a.search);
  if (r.view === 'missing') return;
  e.preventDefault();
  navigate(a.pathname + a.search);
});
