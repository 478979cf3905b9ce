// SPDX-License-Identifier: Apache-2.0
// Start: preferences, first view, event stream, keyboard.
import { effect, untracked } from '@preact/signals';
import { render } from 'preact';
import { watchAlerts } from './alerts';
import { App } from './app';
import { signedOut } from './api';
import { startKeys } from './keys';
import { startLive } from './live';
import { loadPrefs } from './prefs';
import { route } from './router';
import { screen, show, useViews } from './state';
import type { Views } from './types';
import { loadView } from './views';

useViews(loadView);
await loadPrefs();
const root = document.getElementById('app')!;
root.textContent = '';
render(<App />, root);
startKeys();
effect(() => {
  const r = route.value;
  untracked(() => void show(r));
});
/* The stream starts once the first view is in; behind a token, after the sign-in. */
let streaming = false;
effect(() => {
  if (signedOut.value || streaming) return;
  setTimeout(() => {
    if (signedOut.value || streaming) return;
    streaming = true;
    watchAlerts();
    void loadView('endpoint').catch(() => undefined); /* what most go to next, so that going there is one request */
    /* Pages that list events know the newest: nothing falls between the page and the stream. */
    startLive((screen.value?.data as Partial<Views['home']> | undefined)?.audit?.items[0]?.seq);
  }, 400);
});
