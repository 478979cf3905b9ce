// SPDX-License-Identifier: Apache-2.0
// The head that all pages of one endpoint share: where one is, its state, the way to the others.
import type { ComponentChildren } from 'preact';
import { t } from '../i18n';
import { endpointPath, featurePath, href } from '../router';

type Place = 'endpoint' | 'monitor' | 'performance' | 'story';

export function EndpointNav({ name, at }: { name: string; at: Place }) {
  const path = endpointPath(name);
  const places: [Place, string, string][] = [['endpoint', t('Overview'), path], ['monitor', t('Drift'), `${path}/monitor`], ['performance', t('Error over time'), `${path}/performance`], ['story', t('Story'), `${path}/story`]];
  return <nav class="subnav" aria-label={t('Pages of {name}', { name })}>{places.map(([id, label, to]) => <a key={id} href={href(to)} aria-current={id === at ? 'page' : undefined}>{label}</a>)}</nav>;
}

export function EndpointHead({ name, at, title, aside, crumb }: { name: string; at: Place; title: ComponentChildren; aside?: ComponentChildren; crumb?: boolean }) {
  return <>
    <header class="page-head">
      <div><p class="crumbs"><a href={href('/endpoints')}>{t('Endpoints')}</a> / <a href={href(endpointPath(name))}>{name}</a>{crumb && <> / <a href={href(`${endpointPath(name)}/monitor`)}>{t('Drift')}</a></>}</p><h1 tabIndex={-1}>{title}</h1></div>
      {aside && <div class="actions">{aside}</div>}
    </header>
    <EndpointNav name={name} at={at} />
  </>;
}

/* Names of features, each the way to its page; a few, then how many more. */
export function FeatureTags({ endpoint, names, most = 6 }: { endpoint: string; names: string[]; most?: number }) {
  return <span class="feature-tags">{names.slice(0, most).map((n) => <a key={n} class="tag" href={href(featurePath(endpoint, n))}>{n}</a>)}{names.length > most && <span class="muted small">{t('{n} more', { n: names.length - most })}</span>}</span>;
}

/* How far back a page looks: so many windows, named by the time that they span. */
export const RANGES = [300, 1000, 9000];
export function span(ms: number): string {
  const h = ms / 3_600_000;
  return h < 2 ? t('{n} minutes', { n: Math.round(h * 60) }) : h < 48 ? t('{n} hours', { n: Math.round(h) }) : t('{n} days', { n: Math.round(h / 24) });
}
