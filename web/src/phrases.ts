// SPDX-License-Identifier: Apache-2.0
// Sentences that the server makes, in the page's language. The server keeps its records in English, so
// that logs, results and the audit log are the same everywhere; the page knows the forms of what people
// read most, with their names and numbers, and leaves every other text as it is. The forms stand here as
// in the C sources ('%s' = a name): a test looks each of them up there, so that none goes stale.
import { t } from './i18n';

type Say = (...args: string[]) => string;

/* The first form that matches decides; longer ones stand before those that would take them too. */
export const forms: [string, Say][] = [
  ['first run', () => t('first run')],
  ['forced', () => t('forced')],
  ['nothing changed', () => t('nothing changed')],
  ['its definition changed', () => t('its definition changed')],
  ['its cached result is gone', () => t('its cached result is gone')],
  ['checked on every run', () => t('checked on every run')],
  ['%s, but the result is in the cache', (why) => t('{why}, but the result is in the cache', { why: said(why) })],
  ['input %s is new', (name) => t('input {name} is new', { name })],
  ['input %s is no longer read', (name) => t('input {name} is no longer read', { name })],
  ['%s is no longer used', (name) => t('{name} is no longer used', { name })],
  ['%s %s is new', (name, value) => t('{name} {value} is new', { name, value })],
  ['%s changed', (name) => t('{name} changed', { name })],
  ['refused by %s: %s', (stage, why) => t('refused by {stage}: {why}', { stage, why: why.split('; ').map(said).join('; ') })],
  ['cannot be computed: %s', (why) => t('cannot be computed: {why}', { why: why.split(', ').map(said).join(', ') })],
  ['%s has no value (no champion yet); write (%s ?? %s) for the first release', (name, _, otherwise) => t('{name} has no value (no champion yet); write ({name} ?? {otherwise}) for the first release', { name, otherwise })],
  ['%s has no value (no champion yet)', (name) => t('{name} has no value (no champion yet)', { name })],
  ['%s has no value', (name) => t('{name} has no value', { name })],
  ['write (%s ?? %s) for the first release', (name, otherwise) => t('write ({name} ?? {otherwise}) for the first release', { name, otherwise })],
  ['%s does not hold: %s', (what, values) => t('{what} does not hold: {values}', { what, values })],
  ['%s holds: %s', (what, values) => t('{what} holds: {values}', { what, values })],
  ['the newest run failed: %s', (why) => t('the newest run failed: {why}', { why: said(why) })],
  ["'%s' has version %s, endpoint '%s' serves %s", (model, version, name, served) => t('{model} has version {version}, endpoint {name} serves {served}', { model, version, name, served })],
  ["endpoint '%s' cannot serve version %s: %s", (name, version, why) => t('endpoint {name} cannot serve version {version}: {why}', { name, version, why })],
  ['runs that ended cannot be recorded: %s', (why) => t('runs that ended cannot be recorded: {why}', { why })],
  ['Inputs are no longer distributed as in training', () => t('Inputs are no longer distributed as in training')],
  ['Predictions are no longer distributed as in evaluation', () => t('Predictions are no longer distributed as in evaluation')],
  ['The realised error is above that of the evaluation', () => t('The realised error is above that of the evaluation')],
  ['What comes in is broken', () => t('What comes in is broken')],
  ['Requests are refused or fail', () => t('Requests are refused or fail')],
  ['version %s serves instead of %s', (a, b) => t('version {a} serves instead of {b}', { a, b })],
  ['passed every step of its rollout', () => t('passed every step of its rollout')],
  ['%s % of the requests: no rule held over %s requests', (a, b) => t('{a} % of the requests: no rule held over {b} requests', { a, b })],
  ['version %s passed its gates and is brought in', (a) => t('version {a} passed its gates and is brought in', { a })],
  ['version %s is being brought in', (a) => t('version {a} is being brought in', { a })],
  ['fewer than %s labelled rows since %s', (a, b) => t('fewer than {a} labelled rows since {b}', { a, b })],
  ['fewer than %s labelled rows are new', (a) => t('fewer than {a} labelled rows are new', { a })],
  ['cools down until %s', (a) => t('cools down until {a}', { a })],
  ['alert %s is silenced', (a) => t('alert {a} is silenced', { a })],
  ['alert %s is %s', (a, state) => (state === 'ok' ? t('alert {a} is in order', { a }) : `alert ${a} is ${state}`)],
  ['alert %s was acknowledged by %s, who looks after it', (a, b) => t('alert {a} was acknowledged by {b}, who looks after it', { a, b })],
  ['no reason given', () => t('no reason given')],
];

const patterns = forms.map(([form, say]) => [new RegExp(`^${form.replace(/[.*+?^${}()|[\]\\]/g, '\\$&').replace(/%s/g, '(.+?)')}$`, 's'), say] as const);

/* A sentence of the server in the page's language; one of no known form as it is. */
export function said(text: string | null | undefined): string {
  for (const [re, say] of patterns) {
    const m = re.exec(text ?? '');
    if (m) return say(...m.slice(1));
  }
  return text ?? '';
}
