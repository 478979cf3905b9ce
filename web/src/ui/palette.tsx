// SPDX-License-Identifier: Apache-2.0
// Ctrl/⌘-K: go to anything, do anything, copy any command. And the list of keys.
import { useEffect, useRef, useState } from 'preact/hooks';
import { get } from '../api';
import { t } from '../i18n';
import { navLabel, pages } from '../pages';
import { chooseLang, setTheme, setUtc, utc } from '../prefs';
import { datasetPath, endpointPath, href, modelPath, navigate, runPath } from '../router';
import type { Model, Status } from '../types';
import { openDeploy, openPromote, openRollback } from './actions';
import { copyText } from './bits';
import { closeDialog, Dialog, openDialog } from './dialog';
import { runName } from './objects';
import { Icon, type IconName } from './icons';

interface Item { label: string; note: string; icon: IconName; run: () => void }

const goTo = (path: string) => () => navigate(href(path));

function fixed(): Item[] {
  const page = (label: string, path: string, icon: IconName): Item => ({ label, note: t('Go to'), icon, run: goTo(path) });
  const cli = (text: string): Item => ({ label: text, note: t('Copy command'), icon: 'copy', run: () => void copyText(text) });
  return [
    ...pages.filter((p) => p.nav).map((p) => page(navLabel(p), p.view === 'home' ? '/' : `/${p.view}`, p.nav!.icon)), page(t('Experiments'), '/experiments', 'runs'),
    { label: t('Copy link to this page'), note: t('Page'), icon: 'link', run: () => void copyText(location.href) },
    { label: t('Light colours'), note: t('Display'), icon: 'sun', run: () => setTheme('light') },
    { label: t('Dark colours'), note: t('Display'), icon: 'moon', run: () => setTheme('dark') },
    { label: t('Colours as the system'), note: t('Display'), icon: 'sun', run: () => setTheme('auto') },
    { label: 'English', note: t('Display'), icon: 'globe', run: () => void chooseLang('en') },
    { label: '简体中文', note: t('Display'), icon: 'globe', run: () => void chooseLang('zh-CN') },
    { label: utc.value ? t('Times in local time') : t('Times in UTC'), note: t('Display'), icon: 'clock', run: () => setUtc(!utc.value) },
    { label: t('Help and keys'), note: t('Page'), icon: 'help', run: openHelp },
    ...['slipway init NAME --template regression', 'slipway run', 'slipway run --dry-run', 'slipway server', 'slipway deploy MODEL', 'slipway predict ENDPOINT FILE', 'slipway promote ENDPOINT', 'slipway rollback ENDPOINT',
      'slipway status', 'slipway model ls', 'slipway model show MODEL:V', 'slipway model compare MODEL:1 MODEL:2', 'slipway data ls', 'slipway data show NAME', 'slipway exp ls', 'slipway exp show run/latest', 'slipway exp compare run/A run/B',
      'slipway trash', 'slipway audit log', 'slipway schema', 'slipway doctor', 'slipway version', 'slipway help'].map(cli),
  ];
}

/* What exists now, from one request. */
function objects(s: Status): Item[] {
  const endpoints = s.endpoints ?? [], models = s.models ?? [], runs = [...(s.running ?? []), ...(s.recent ?? [])];
  const choices = async (model: string) => (await get<Model>(`/api/v1${modelPath(model)}`)).versions?.map((v) => ({ version: v.version })).sort((a, b) => Number(b.version) - Number(a.version)) ?? [];
  return [
    ...endpoints.flatMap((e): Item[] => [
      { label: e.name, note: t('Endpoint'), icon: 'endpoints', run: goTo(endpointPath(e.name)) },
      { label: t('Promote {name}', { name: e.name }), note: t('Do'), icon: 'play', run: () => void choices(e.model).then((c) => openPromote(e, c)) },
      { label: t('Roll back {name}', { name: e.name }), note: t('Do'), icon: 'back', run: () => void get<typeof e>(`/api/v1${endpointPath(e.name)}`).then(openRollback) },
    ]),
    ...models.flatMap((m): Item[] => [
      { label: m.name, note: t('Model'), icon: 'models', run: goTo(modelPath(m.name)) },
      ...(m.latest_version ? [{ label: `${m.name}:${m.latest_version}`, note: t('Model version'), icon: 'models' as const, run: goTo(modelPath(m.name, m.latest_version)) }] : []),
      { label: t('Deploy {name}', { name: m.name }), note: t('Do'), icon: 'play', run: () => openDeploy(m.name, undefined, m.endpoints ?? []) },
    ]),
    ...runs.slice(0, 50).map((r): Item => ({ label: `${runName(r)} ${r.run_id.slice(0, 8)}`, note: t('Run'), icon: 'runs', run: goTo(runPath(r.run_id)) })),
    ...[...new Set(runs.map((r) => r.dataset?.name).filter((n): n is string => !!n))].map((n): Item => ({ label: n, note: t('Dataset'), icon: 'datasets', run: goTo(datasetPath(n)) })),
  ];
}

/* Letters in order, better when together and at the start of words. */
function score(text: string, query: string): number {
  const a = text.normalize('NFKC').toLowerCase();
  let sum = 0;
  for (const q of query.split(/\s+/).filter(Boolean)) {
    const at = a.indexOf(q);
    if (at >= 0) { sum += 100 - Math.min(50, at) + (at === 0 || /\W/.test(a[at - 1] ?? ' ') ? 50 : 0); continue; }
    let i = 0;
    for (const c of a) if (c === q[i]) i++;
    if (i < q.length) return 0;
    sum += 10;
  }
  return sum;
}

function Palette() {
  const [text, set] = useState(''), [at, setAt] = useState(0), [more, setMore] = useState<Item[]>([]);
  const list = useRef<HTMLUListElement>(null);
  useEffect(() => void get<Status>('/api/v1/status').then((s) => setMore(objects(s)), () => undefined), []);
  const query = text.normalize('NFKC').toLowerCase().trim(), all = [...more, ...fixed()];
  const found = (query ? all.map((i) => [score(`${i.label} ${i.note}`, query), i] as const).filter(([s]) => s > 0).sort((a, b) => b[0] - a[0]).map(([, i]) => i) : [...fixed().slice(0, 6), ...more]).slice(0, 40);
  const choose = (i: Item | undefined) => {
    if (!i) return;
    closeDialog();
    setTimeout(i.run, 0);
  };
  const key = (e: KeyboardEvent) => {
    if (e.isComposing) return;
    const n = found.length || 1;
    if (e.key === 'ArrowDown' || e.key === 'ArrowUp') {
      e.preventDefault();
      const next = (at + (e.key === 'ArrowDown' ? 1 : n - 1)) % n;
      setAt(next);
      list.current?.children[next]?.scrollIntoView({ block: 'nearest' });
    } else if (e.key === 'Enter') {
      e.preventDefault();
      choose(found[at]);
    }
  };
  return (
    <Dialog title={t('Search or jump')} bare wide>
      <div class="palette">
        <div class="palette-head"><Icon name="search" /><input autofocus value={text} role="combobox" aria-expanded="true" aria-controls="palette-list" aria-label={t('Search or jump')} aria-autocomplete="list"
          aria-activedescendant={found.length ? `palette-${at}` : undefined} placeholder={t('A page, a model, a run, a command')} spellcheck={false} autocomplete="off"
          onInput={(e) => { set(e.currentTarget.value); setAt(0); }} onKeyDown={key} /><kbd>Esc</kbd></div>
        <ul id="palette-list" ref={list} role="listbox" aria-label={t('Results')}>
          {found.map((i, n) => <li key={`${i.note}${i.label}`} id={`palette-${n}`} role="option" aria-selected={n === at} onClick={() => choose(i)} onPointerMove={() => n !== at && setAt(n)}><Icon name={i.icon} /><span class="grow">{i.label}</span><span class="muted">{i.note}</span></li>)}
        </ul>
        {!found.length && <p class="muted pad" role="status">{t('Nothing matches.')}</p>}
      </div>
    </Dialog>
  );
}

export const openPalette = () => openDialog(() => <Palette />);

function Help() {
  const licenses = document.querySelector<HTMLLinkElement>('link[rel=license]')?.href;
  const keys: [string, string][] = [
    ['Ctrl K · ⌘K', t('Search or jump')], ['/', t('Filter')], ...pages.filter((p) => p.nav).map((p): [string, string] => [`g ${p.nav!.key}`, navLabel(p)]),
    ['j · k', t('Next and previous row')], ['x', t('Select the row')], ['c', t('Compare the selection')], ['a', `${t('Alerts')}: ${t('Acknowledge')}`], ['s', `${t('Alerts')}: ${t('Silence')}`], ['1 … 9', t('Tabs')], ['← · →', t('Walk along a chart')], ['Ctrl Z · ⌘Z', t('Undo the last change of view')], ['?', t('This list')],
  ];
  return (
    <Dialog title={t('Help and keys')}>
      <dl class="keys">{keys.map(([k, what]) => <div key={k}><dt>{k.split(' · ').map((one, i) => <>{i > 0 && ' '}<kbd key={one}>{one}</kbd></>)}</dt><dd>{what}</dd></div>)}</dl>
      <p class="muted">{t('The address of a page holds all that you see: copy it to share filters, columns and tabs.')}</p>
      <p><a href={href('/openapi.json')} target="_blank" rel="noreferrer">{t('REST API (OpenAPI)')}</a>{licenses && <> · <a href={licenses} target="_blank" rel="noreferrer">{t('Licences')}</a></>}</p>
    </Dialog>
  );
}

export const openHelp = () => openDialog(() => <Help />);
