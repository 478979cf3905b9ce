// SPDX-License-Identifier: Apache-2.0
// What the events of watching, alerts, retraining and rollouts mean, as sentences.
import { t } from '../i18n';
import type { AuditEvent, StoryEvent } from '../types';

export type Tone = 'bad' | 'ok' | 'warn' | 'plain';

/* null: not an event of this kind. */
export function storyText(e: StoryEvent | AuditEvent): string | null {
  const after = (e.after && typeof e.after === 'object' ? e.after : {}) as Record<string, unknown>, text = (k: string) => String(after[k] ?? '');
  const v = { alert: text('alert'), version: text('version') || '?', run: text('run').slice(0, 8), state: text('state') };
  switch (e.kind) {
    case 'alert.firing': return t('Alert {alert} fires', v);
    case 'alert.resolved': return t('Alert {alert} is over', v);
    case 'alert.acknowledged': return t('Alert {alert} was acknowledged', v);
    case 'alert.silenced': return t('Alert {alert} was silenced', v);
    case 'alert.rules': return t('The alert rules were set');
    case 'trigger.fired': return t('A retraining begins');
    case 'trigger.training': return t('Run {run} trains on the newest labelled rows', v);
    case 'trigger.rollout': return t('Version {version} passed its gates', v);
    case 'trigger.ended': return v.state === 'promoted' ? t('The attempt ended: promoted') : v.state === 'rolled_back' ? t('The attempt ended: sent back') : v.state === 'refused' ? t('The attempt ended: refused by the gates') : t('The attempt ended: {state}', v);
    case 'rollout.started': return t('Version {version} begins as a shadow', v);
    case 'rollout.step': return t('Version {version} gets more requests', v);
    case 'rollout.paused': return t('The rollout of version {version} pauses', v);
    case 'rollout.resumed': return t('The rollout of version {version} goes on', v);
    case 'rollout.waiting': return t('Version {version} waits for a person', v);
    case 'rollout.promoted': return t('Version {version} is promoted', v);
    case 'rollout.rolled_back': return t('Version {version} is sent back', v);
    case 'loop.frozen': return t('The loop was frozen');
    case 'loop.thawed': return t('The loop was thawed');
    case 'loop.policy': return t('The policy was set');
    default: return null;
  }
}

export function storyTone(kind: string): Tone {
  if (/^alert\.firing|rolled_back|frozen$/.test(kind)) return 'bad';
  if (/^(rollout|endpoint)\.promoted|^alert\.resolved|thawed$/.test(kind)) return 'ok';
  return /paused|waiting|acknowledged|silenced/.test(kind) ? 'warn' : 'plain';
}

/* "features" of an alert is a JSON text. */
export function storyFeatures(e: StoryEvent): string[] {
  const f = e.after?.features;
  if (Array.isArray(f)) return f.map(String);
  try {
    const list = typeof f === 'string' ? (JSON.parse(f) as unknown) : null;
    return Array.isArray(list) ? list.map(String) : [];
  } catch {
    return [];
  }
}
