// SPDX-License-Identifier: Apache-2.0
// Tabs whose choice is in the URL (?tab=); keys 1…9 choose, arrows move.
import type { ComponentChildren } from 'preact';
import { route, setQuery } from '../router';

export interface Tab { id: string; label: string; render: () => ComponentChildren }

export function Tabs({ tabs, label }: { tabs: Tab[]; label: string }) {
  const want = route.value.query.get('tab'), at = Math.max(0, tabs.findIndex((x) => x.id === want)), now = tabs[at]!;
  const choose = (i: number) => setQuery({ tab: i === 0 ? null : tabs[i]!.id }, true);
  const key = (e: KeyboardEvent) => {
    const by = e.key === 'ArrowRight' ? 1 : e.key === 'ArrowLeft' ? -1 : 0;
    if (!by) return;
    const i = (at + by + tabs.length) % tabs.length;
    choose(i);
    (e.currentTarget as Element).querySelectorAll<HTMLElement>('[role=tab]')[i]?.focus();
  };
  return (
    <div class="tabs">
      <div class="tablist" role="tablist" aria-label={label} onKeyDown={key}>
        {tabs.map((x, i) => (
          <button key={x.id} type="button" role="tab" id={`tab-${x.id}`} aria-selected={i === at} aria-controls="tabpanel" tabIndex={i === at ? 0 : -1}
            data-tab={i + 1} onClick={() => choose(i)}>{x.label}</button>
        ))}
      </div>
      <div role="tabpanel" id="tabpanel" aria-labelledby={`tab-${now.id}`} tabIndex={-1} class="tabpanel">{now.render()}</div>
    </div>
  );
}
