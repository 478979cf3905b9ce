// SPDX-License-Identifier: Apache-2.0
// Keyboard rules. Single keys are off while typing, while an input method composes and in dialogs.
import { pages } from './pages';
import { href, navigate } from './router';
import { openHelp, openPalette } from './ui/lazy';
import { opened } from './ui/dialog';

const go = Object.fromEntries(pages.filter((p) => p.nav).map((p) => [p.nav!.key, p.view === 'home' ? '/' : `/${p.view}`]));
let waiting = 0; /* until when a key after g counts */

export function typing(e: KeyboardEvent): boolean {
  const el = e.target as HTMLElement;
  return e.isComposing || el.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(el.tagName) && !['checkbox', 'radio'].includes((el as HTMLInputElement).type);
}

const rows = () => [...document.querySelectorAll<HTMLElement>('table[data-keys] tbody tr:not(.spacer), ol[data-keys] > li')];

/* A grid moves by itself. */
function toGrid(key: string): boolean {
  const grid = document.querySelector('.grid[data-keys]');
  grid?.dispatchEvent(new CustomEvent('grid-key', { detail: key }));
  return !!grid;
}

/* j and k move the focus from row to row, by the first link or box of each. */
function step(by: number): void {
  const all = rows(), here = all.findIndex((r) => r.contains(document.activeElement));
  const row = all[here < 0 ? 0 : Math.max(0, Math.min(all.length - 1, here + by))];
  row?.querySelector<HTMLElement>('a, input')?.focus();
  row?.scrollIntoView({ block: 'nearest' });
}

function onKey(e: KeyboardEvent): void {
  if ((e.metaKey || e.ctrlKey) && e.key.toLowerCase() === 'k') {
    e.preventDefault();
    openPalette();
    return;
  }
  if (typing(e) || opened.value) return;
  if ((e.metaKey || e.ctrlKey) && e.key.toLowerCase() === 'z' && !e.shiftKey && history.state?.edit) {
    e.preventDefault();
    history.back();
    return;
  }
  if (e.metaKey || e.ctrlKey || e.altKey) return;
  if (Date.now() < waiting && go[e.key]) {
    waiting = 0;
    e.preventDefault();
    navigate(href(go[e.key]!));
    return;
  }
  switch (e.key) {
    case 'g': waiting = Date.now() + 1200; break;
    case '/': {
      const box = document.querySelector<HTMLInputElement>('[data-filter]');
      if (box) box.focus();
      else openPalette();
      e.preventDefault();
      break;
    }
    case 'j': if (!toGrid('j')) step(1); break;
    case 'k': if (!toGrid('k')) step(-1); break;
    case 'x': if (!toGrid('x')) (document.activeElement as Element | null)?.closest('tr')?.querySelector<HTMLInputElement>('input[type=checkbox]')?.click(); break;
    case 'c': document.querySelector<HTMLButtonElement>('[data-action=compare]:not(:disabled)')?.click(); break;
    case '?': openHelp(); e.preventDefault(); break;
    default:
      if (/^[1-9]$/.test(e.key)) document.querySelector<HTMLButtonElement>(`[data-tab="${e.key}"]`)?.click();
  }
}

export function startKeys(): void {
  document.addEventListener('keydown', onKey);
}
