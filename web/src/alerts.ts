// SPDX-License-Identifier: Apache-2.0
// How many alerts are open, for the navigation: asked once after the first page, then when one changes.
import { signal } from '@preact/signals';
import { get } from './api';
import { onEvent } from './live';
import type { Alert } from './types';

export const openAlerts = signal(0);

async function ask(): Promise<void> {
  try {
    openAlerts.value = (await get<{ items: Alert[] }>('/api/v1/alerts?open=true')).items.filter((a) => a.state === 'firing').length;
  } catch {
    /* the next event asks again */
  }
}

let soon = 0;
export function watchAlerts(): void {
  void ask();
  onEvent((e) => {
    if (!e.kind.startsWith('alert.') || soon) return;
    soon = window.setTimeout(() => { soon = 0; void ask(); }, 300);
  });
}
