// SPDX-License-Identifier: Apache-2.0
// The frame around every page: navigation, search, display settings, the view, dialogs.
import { useSignalEffect } from '@preact/signals';
import { useEffect, useRef, useState } from 'preact/hooks';
import { openAlerts } from './alerts';
import { ApiError } from './api';
import { lang, t, type Lang } from './i18n';
import { connected } from './live';
import { chooseLang, setTheme, setUtc, theme, utc, type Theme } from './prefs';
import { cliOf, navLabel, pages, sectionOf, titleOf } from './pages';
import { href, route } from './router';
import { failure, loading, screen } from './state';
import { Failure } from './ui/bits';
import { DialogHost } from './ui/dialog';
import { Icon, Mark } from './ui/icons';
import { Menu } from './ui/menu';
import { openHelp, openPalette } from './ui/lazy';
import { announcement, Toasts } from './ui/toast';

function Nav() {
  const here = sectionOf(route.value);
  return (
    <nav aria-label={t('Main')} class="nav">
      {pages.filter((p) => p.nav).map((p) => <a key={p.view} href={href(p.view === 'home' ? '/' : `/${p.view}`)} class="nav-item" aria-current={p.view === here ? 'page' : undefined}><Icon name={p.nav!.icon} /><span>{navLabel(p)}</span>{p.view === 'alerts' && openAlerts.value > 0 && <span class="badge num">{openAlerts.value}<span class="offscreen"> {t('open')}</span></span>}</a>)}
    </nav>
  );
}

function Settings() {
  const choice = <T extends string>(name: string, label: string, value: T, options: [T, string, string?][], set: (v: T) => void) => (
    <fieldset><legend>{label}</legend>
      {options.map(([v, text, tag]) => <label key={v} lang={tag}><input type="radio" name={name} value={v} checked={value === v} onChange={() => set(v)} />{text}</label>)}
    </fieldset>
  );
  return (
    <div class="settings">
      {choice<Lang>('lang', t('Language'), lang.value, [['en', 'English', 'en'], ['zh-CN', '简体中文', 'zh-CN']], (v) => void chooseLang(v))}
      {choice<Theme>('theme', t('Colours'), theme.value, [['auto', t('As the system')], ['light', t('Light')], ['dark', t('Dark')]], setTheme)}
      {choice<'local' | 'utc'>('zone', t('Times'), utc.value ? 'utc' : 'local', [['local', t('Local time')], ['utc', 'UTC']], (v) => setUtc(v === 'utc'))}
    </div>
  );
}

function Skeleton() {
  return <div class="page skeleton" aria-hidden="true"><div class="sk sk-title" /><div class="sk sk-line" /><div class="sk sk-block" /><div class="sk sk-block" /></div>;
}

/* The view; the old one stays, dimmed after 150 ms, until the next has its code and data. */
function Main() {
  const s = screen.value, f = failure.value, ref = useRef<HTMLElement>(null), seen = useRef('');
  const [slow, setSlow] = useState(0);
  useSignalEffect(() => {
    if (!loading.value) return setSlow(0);
    const a = setTimeout(() => setSlow(1), 150), b = setTimeout(() => setSlow(2), 1500);
    return () => { clearTimeout(a); clearTimeout(b); };
  });
  /* A wrong filter is the filter box's to show; the rows stay. */
  const keep = f && s && s.route.view === f.route.view && f.error instanceof ApiError && f.error.status === 400 && f.route.path === s.route.path;
  const showing = f && !keep ? f.route : s?.route;
  useEffect(() => {
    if (!showing) return;
    const key = showing.path;
    document.title = `${titleOf(showing)} · Slipway`;
    if (seen.current && seen.current !== key) {
      scrollTo(0, typeof history.state?.scroll === 'number' ? history.state.scroll : 0);
      ref.current?.querySelector<HTMLElement>('h1')?.focus({ preventScroll: true });
      announcement.value = titleOf(showing);
    }
    seen.current = key;
  }, [showing?.path, lang.value, !!f]);
  const View = s?.view;
  return (
    <main id="main" ref={ref} tabIndex={-1} aria-busy={loading.value} class={slow > 0 && s ? 'dim' : ''}>
      {loading.value && slow > 0 && <div class="progress" aria-hidden="true" />}
      {f && !keep ? <Failure error={f.error} cli={cliOf(f.route)} /> : View && slow < 2 ? <View key={s.route.path} route={s.route} data={s.data} /> : <Skeleton />}
    </main>
  );
}

export function App() {
  const [menu, setMenu] = useState(false);
  const path = route.value.path;
  useEffect(() => setMenu(false), [path]);
  return (
    <div class="shell">
      <a class="skip" href="#main" onClick={(e) => { e.preventDefault(); document.getElementById('main')?.focus(); }}>{t('Skip to the content')}</a>
      <header class={`side${menu ? ' open' : ''}`}><div class="side-inner">
        <div class="brand-row">
          <a class="brand" href={href('/')} aria-label={t('Slipway, overview')}><Mark /><span>Slipway</span></a>
          <button type="button" class="icon-button only-narrow" aria-label={t('Search or jump')} onClick={openPalette}><Icon name="search" /></button>
          <button type="button" class="icon-button only-narrow" aria-expanded={menu} aria-label={t('Menu')} onClick={() => setMenu(!menu)}><Icon name={menu ? 'cross' : 'menu'} /></button>
        </div>
        <div class="side-body">
          <button type="button" class="search-button" onClick={openPalette}><Icon name="search" size={14} /><span>{t('Search or jump')}</span><kbd>{/Mac|iPhone|iPad/.test(navigator.platform) ? '⌘K' : 'Ctrl K'}</kbd></button>
          <Nav />
          <div class="side-foot">
            {connected.value === false && <p class="offline" role="status"><Icon name="warn" size={14} /> {t('Live updates are interrupted')}</p>}
            <Menu label={t('Display')} icon={theme.value === 'dark' ? 'moon' : 'sun'} quiet up><Settings /></Menu>
            <button type="button" class="nav-item" onClick={openHelp}><Icon name="help" /><span>{t('Help and keys')}</span></button>
          </div>
        </div>
      </div></header>
      <Main />
      <DialogHost />
      <Toasts />
    </div>
  );
}
