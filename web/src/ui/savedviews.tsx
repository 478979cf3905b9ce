// SPDX-License-Identifier: Apache-2.0
// Views of the runs table that people keep: filter, order, columns with widths under a name, for
// oneself or for all. Opening one puts all of it into the URL beside its name, so that Back, links and
// changes work as without it; a link with the name alone follows the view as it is then.
import { useEffect, useState } from 'preact/hooks';
import { ApiError, get, send } from '../api';
import { t } from '../i18n';
import { href, navigate, route, seg, setQuery } from '../router';
import type { Page, SavedView } from '../types';
import { VIEW_KEYS } from '../views/runs';
import { copyText } from './bits';
import { Icon } from './icons';
import { toast } from './toast';

const PAGE = 'runs', KEYS = VIEW_KEYS;
const pathOf = (name: string) => `/api/v1/saved-views/${PAGE}/${seg(name)}`;
const addressOf = (v: SavedView) => `/runs?${new URLSearchParams([['view', v.name], ...KEYS.map((k): [string, string] => [k, v.state[k] ?? '']).filter(([, x]) => x)])}`;
const same = (a: Record<string, string>, b: Record<string, string>) => KEYS.every((k) => (a[k] ?? '') === (b[k] ?? ''));

/* For a link that only names a view: one's own goes before the project's. */
export async function openView(name: string): Promise<void> {
  try {
    const found = (await get<Page<SavedView>>(`/api/v1/saved-views?page=${PAGE}`)).items.filter((v) => v.name === name).sort((a, b) => Number(b.private) - Number(a.private))[0];
    if (found) navigate(href(addressOf(found)), { replace: true });
    else {
      setQuery({ view: null }, true);
      toast(t('There is no view {name}', { name }), 'bad');
    }
  } catch (e) {
    toast((e as Error).message, 'bad');
  }
}

export default function SavedViews({ state }: { state: Record<string, string> }) {
  const [list, setList] = useState<SavedView[] | null>(null), [error, setError] = useState<ApiError | null>(null);
  const now = route.value.query.get('view') ?? '', current = list?.find((v) => v.name === now);
  const [name, setName] = useState(''), [mine, setMine] = useState(false), [editing, setEditing] = useState<SavedView | null>(null), [renamed, setRenamed] = useState('');
  const changes = async (fn: () => Promise<Page<SavedView>>, said: string) => {
    setError(null);
    try {
      setList((await fn()).items.filter((v) => v.page === PAGE));
      toast(said);
      return true;
    } catch (e) {
      setError(e as ApiError);
      return false;
    }
  };
  useEffect(() => void get<Page<SavedView>>(`/api/v1/saved-views?page=${PAGE}`).then((a) => setList(a.items), setError), []);
  const put = (n: string, own: boolean, what = state) => send<Page<SavedView>>('PUT', pathOf(n), { state: what, private: own });
  const remove = (v: SavedView) => send<Page<SavedView>>('DELETE', pathOf(v.name) + (v.private ? '?private=true' : ''));
  const saveAs = async (e: Event) => {
    e.preventDefault();
    const clean = name.trim();
    if (!clean || !(await changes(() => put(clean, mine), t('Saved as {name}', { name: clean })))) return;
    setName('');
    setQuery({ ...Object.fromEntries(KEYS.map((k) => [k, state[k] ?? null])), view: clean }, true);
  };
  const rename = async (e: Event) => {
    e.preventDefault();
    const v = editing!, to = renamed.trim();
    if (list?.some((x) => x.name === to && x.private === v.private)) return setError(new ApiError(409, 'EXISTS', t('There is a view {name} already', { name: to }), null, null, 'PUT', pathOf(to)));
    if (!(await changes(async () => { await put(to, v.private, v.state); return remove(v); }, t('{old} is now {name}', { old: v.name, name: to })))) return;
    setEditing(null);
    if (now === v.name) setQuery({ view: to }, true);
  };
  const drop = (v: SavedView) => void changes(() => remove(v), t('The view {name} was deleted', { name: v.name })).then((done) => {
    if (!done) return;
    if (now === v.name) setQuery({ view: null }, true);
    toast(t('The view {name} was deleted', { name: v.name }), 'ok', { label: t('Undo'), run: () => void changes(() => put(v.name, v.private, v.state), t('{name} is back', { name: v.name })) });
  });
  return (
    <div class="chooser">
      {error && <p class="inline-error" role="alert">{error.message}</p>}
      {list && !list.length && <p class="muted">{t('No views yet. A view keeps filter, order and columns with their widths.')}</p>}
      {list && list.length > 0 && <ul class="saved" aria-label={t('Saved views')}>{list.map((v) => (
        <li key={`${v.name}${v.private}`}>
          {editing === v ? <form class="bar grow" onSubmit={rename}><input class="grow" value={renamed} maxLength={100} aria-label={t('New name of {name}', { name: v.name })} autofocus onInput={(e) => setRenamed(e.currentTarget.value)} /><button type="submit" class="button small" disabled={!renamed.trim() || renamed.trim() === v.name}>{t('Rename')}</button></form> : <>
            <button type="button" class="saved-name" aria-current={v === current ? 'true' : undefined} onClick={() => navigate(href(addressOf(v)))}><span>{v.name}</span>{v.private && <span class="tag">{t('only mine')}</span>}{v === current && <Icon name="check" size={14} />}</button>
            <button type="button" class="icon-button" aria-label={t('Copy the link to {name}', { name: v.name })} title={t('Copy the link to {name}', { name: v.name })} onClick={() => void copyText(new URL(href(`/runs?view=${seg(v.name)}`), location.origin).href)}><Icon name="link" size={14} /></button>
            <button type="button" class="icon-button" aria-label={t('Rename {name}', { name: v.name })} title={t('Rename {name}', { name: v.name })} onClick={() => { setEditing(v); setRenamed(v.name); }}><Icon name="pen" size={14} /></button>
            <button type="button" class="icon-button" aria-label={t('Delete {name}', { name: v.name })} title={t('Delete {name}', { name: v.name })} onClick={() => drop(v)}><Icon name="trash" size={14} /></button></>}
        </li>))}</ul>}
      {current && !same(current.state, state) && <div class="bar"><button type="button" class="button small primary" onClick={() => void changes(() => put(current.name, current.private), t('Saved as {name}', { name: current.name }))}>{t('Save the changes of {name}', { name: current.name })}</button>
        <button type="button" class="button small" onClick={() => navigate(href(addressOf(current)))}>{t('Undo them')}</button></div>}
      <form class="form save-as" onSubmit={saveAs}>
        <label class="field"><span>{t('Save this as')}</span><input value={name} maxLength={100} placeholder={t('A name')} onInput={(e) => setName(e.currentTarget.value)} /></label>
        <label><input type="checkbox" checked={mine} onChange={(e) => setMine(e.currentTarget.checked)} /> {t('Only for me')}</label>
        <div class="bar"><button type="submit" class="button small primary" disabled={!name.trim()}>{t('Save')}</button>
          <button type="button" class="button small" onClick={() => void copyText(location.href)}>{t('Copy link to this page')}</button></div>
      </form>
    </div>
  );
}
