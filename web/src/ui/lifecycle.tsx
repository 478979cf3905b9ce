// SPDX-License-Identifier: Apache-2.0
// Deleting, restoring and removing for good; moving, copying and renaming. Each dialog says exactly
// what goes, and which commands do the same. A chunk of its own: loaded when one is opened.
import { useState } from 'preact/hooks';
import type { ComponentChildren } from 'preact';
import { ApiError, get, send, word } from '../api';
import { int } from '../format';
import { t } from '../i18n';
import { href, modelPath, navigate, runPath, seg } from '../router';
import { reload } from '../state';
import type { Experiment, Page, TrashItem } from '../types';
import { closeDialog, Dialog, openDialog, SameAs } from './dialog';
import { toast } from './toast';

export interface Thing { kind: TrashItem['kind']; ref: string; name: string; runs?: number; versions?: number }
interface Call { method: string; path: string; body?: unknown; name: string }

/* 'experiment/7', 'run/4f2a…', 'model/x', 'model/x:3' → its address in the API. */
export function apiPath(ref: string): string {
  const cut = ref.indexOf('/'), kind = ref.slice(0, cut), rest = ref.slice(cut + 1), at = rest.lastIndexOf(':');
  if (kind === 'experiment') return `/api/v1/experiments/${seg(rest)}`;
  if (kind === 'run') return `/api/v1${runPath(rest)}`;
  return at > 0 ? `/api/v1${modelPath(rest.slice(0, at))}/versions/${seg(rest.slice(at + 1))}` : `/api/v1${modelPath(rest)}`;
}

/* What must be typed to remove it for good, which the server asks for too. */
export const confirmOf = (x: Thing) => (x.kind === 'experiment' ? x.name : x.ref.slice(x.ref.indexOf('/') + 1));
export const shownName = (x: Thing) => (x.kind === 'version' ? confirmOf(x) : x.kind === 'run' ? `${x.name || t('Run')} ${confirmOf(x).slice(0, 8)}` : x.name);
const cliName = (x: Thing) => word(x.kind === 'run' ? `run/${confirmOf(x).slice(0, 12)}` : confirmOf(x));
const noun = (x: Thing) => (x.kind === 'run' || x.kind === 'experiment' ? 'exp' : 'model');

/* A dialog that makes some calls one after the other; what failed stays on screen. */
function Calls(p: { title: string; button: string; tone?: 'danger' | 'primary'; cli: (reason: string) => string; calls: (reason: string) => Call[]; confirm?: string; ready?: boolean; reason?: boolean; done: () => void; children: ComponentChildren }) {
  const [reason, setReason] = useState(''), [typed, setTyped] = useState(''), [busy, setBusy] = useState(false), [failed, setFailed] = useState<{ name: string; error: ApiError }[]>([]);
  const calls = p.calls(reason);
  const submit = async (e: Event) => {
    e.preventDefault();
    setBusy(true);
    const bad: { name: string; error: ApiError }[] = [];
    for (const c of calls) {
      try {
        await send(c.method, c.path, c.body);
      } catch (x) {
        bad.push({ name: c.name, error: x as ApiError });
      }
    }
    setBusy(false);
    setFailed(bad);
    if (bad.length === 0) {
      closeDialog();
      p.done();
    }
    if (bad.length < calls.length) await reload();
  };
  return (
    <Dialog title={p.title}>
      <form class="form" onSubmit={submit}>
        {p.children}
        {p.reason !== false && <label class="field"><span>{t('Reason (goes into the audit log)')}</span><input value={reason} maxLength={500} onInput={(e) => setReason(e.currentTarget.value)} /></label>}
        {p.confirm && <label class="field"><span>{t('Type {name} to confirm', { name: p.confirm })}</span><input value={typed} data-confirm autocomplete="off" spellcheck={false} onInput={(e) => setTyped(e.currentTarget.value)} /></label>}
        {failed.length > 0 && <div class="inline-error" role="alert">{failed.slice(0, 5).map((f) => <p key={f.name}><strong>{f.name}</strong>: {f.error.message}</p>)}</div>}
        <SameAs cli={p.cli(reason)} method={calls[0]?.method ?? 'GET'} path={calls[0]?.path ?? ''} body={calls[0]?.body} />
        <div class="actions end">
          <button type="button" class="button" onClick={closeDialog}>{t('Cancel')}</button>
          <button type="submit" class={`button ${p.tone ?? 'primary'}`} disabled={busy || p.ready === false || (!!p.confirm && typed !== p.confirm)}>{p.button}</button>
        </div>
      </form>
    </Dialog>
  );
}

const cliReason = (reason: string) => (reason ? ` --reason ${word(reason)}` : '');
const query = (reason: string) => (reason ? `?reason=${seg(reason)}` : '');

/* The first names, and how many more. */
function Names({ of }: { of: string[] }) {
  return <ul class="names">{of.slice(0, 5).map((n) => <li key={n}>{n}</li>)}{of.length > 5 && <li class="muted">{t('and {n} more', { n: int(of.length - 5) })}</li>}</ul>;
}

export async function restore(things: Thing[]): Promise<void> {
  const bad: string[] = [];
  for (const x of things) {
    try {
      await send('POST', `${apiPath(x.ref)}:restore`, {});
    } catch (e) {
      bad.push(`${shownName(x)}: ${(e as Error).message}`);
    }
  }
  if (bad.length) toast(bad[0]!, 'bad');
  else toast(things.length === 1 ? t('{name} is back', { name: shownName(things[0]!) }) : t('{n} things are back', { n: int(things.length) }));
  await reload();
}

/* Into the trash: what goes with it, and the way back. */
function Delete({ things, to }: { things: Thing[]; to?: string }) {
  const one = things.length === 1 ? things[0]! : null;
  const title = one ? t('Delete {name}', { name: shownName(one) }) : t('Delete {n} runs', { n: int(things.length) });
  return (
    <Calls title={title} button={t('Move to the trash')} tone="danger" cli={(r) => `slipway ${noun(things[0]!)} rm ${things.map(cliName).join(' ')}${cliReason(r)}`}
      calls={(r) => things.map((x) => ({ method: 'DELETE', path: apiPath(x.ref) + query(r), name: shownName(x) }))}
      done={() => {
        if (to) navigate(href(to));
        toast(one ? t('{name} is in the trash', { name: shownName(one) }) : t('{n} runs are in the trash', { n: int(things.length) }), 'ok', { label: t('Undo'), run: () => void restore(things) });
      }}>
      {!one && <Names of={things.map(shownName)} />}
      <p>{one?.kind === 'experiment' ? t('The experiment goes into the trash with its {n} runs. Its name can be used again at once.', { n: int(one.runs ?? 0) })
        : one?.kind === 'model' ? t('The model goes into the trash with its {n} versions, aliases and tags. Its name can be used again at once.', { n: int(one.versions ?? 0) })
          : one?.kind === 'version' ? t('The version goes into the trash; aliases that point at it are taken away. Its number is not given again.')
            : t('Parameters, metrics, tags and artifacts stay until they are removed for good in the trash.')}</p>
    </Calls>
  );
}
export const openDelete = (things: Thing[], to?: string) => openDialog(() => <Delete things={things} to={to} />);

/* For good: says what is gone, and asks for the name. */
function Purge({ x }: { x: Thing }) {
  const goes = x.kind === 'experiment' ? t('The experiment and its {n} runs, with all their parameters, metrics, tags and logged models.', { n: int(x.runs ?? 0) })
    : x.kind === 'run' ? t('The run with its parameters, metrics with their history, tags, inputs and stages.')
      : x.kind === 'model' ? t('The model and its {n} versions, with their tags and the history of its aliases.', { n: int(x.versions ?? 0) })
        : t('The version with its metrics, signature and tags. Its number stays taken.');
  return (
    <Calls title={t('Remove {name} for good', { name: shownName(x) })} button={t('Remove for good')} tone="danger" confirm={confirmOf(x)} reason={false}
      cli={() => `slipway ${noun(x)} purge ${word(x.kind === 'run' ? x.ref : confirmOf(x))} --confirm=${word(confirmOf(x))}`}
      calls={() => [{ method: 'POST', path: `${apiPath(x.ref)}:purge`, body: { confirm: confirmOf(x) }, name: shownName(x) }]}
      done={() => toast(t('{name} is gone for good', { name: shownName(x) }))}>
      <p><strong>{t('This cannot be undone.')}</strong></p>
      <p>{goes}</p>
      <p class="muted">{t('Files that nothing refers to any more are freed by the next garbage collection (slipway admin gc).')}</p>
    </Calls>
  );
}
export const openPurge = (x: Thing) => openDialog(() => <Purge x={x} />);

/* ---- moving and copying runs ---- */

function Transfer({ runs, copy, experiments }: { runs: Thing[]; copy: boolean; experiments: Experiment[] }) {
  const [to, set] = useState(experiments[0]?.name ?? ''), [fresh, setFresh] = useState('');
  const name = fresh.trim() || to, n = runs.length, what = n === 1 ? shownName(runs[0]!) : t('{n} runs', { n: n });
  return (
    <Calls title={copy ? t('Copy {what} to an experiment', { what }) : t('Move {what} to an experiment', { what })} button={copy ? t('Copy') : t('Move')} ready={!!name} reason={!copy}
      cli={(r) => `slipway exp ${copy ? 'cp' : 'mv'} ${runs.map(cliName).join(' ')} ${word(name || 'EXPERIMENT')}${cliReason(r)}`}
      calls={(r) => [...(fresh.trim() && !experiments.some((e) => e.name === fresh.trim()) ? [{ method: 'POST', path: '/api/v1/experiments', body: { name: fresh.trim() }, name: fresh.trim() }] : []),
        ...runs.map((x) => ({ method: 'POST', path: `${apiPath(x.ref)}:${copy ? 'copy' : 'move'}`, body: r ? { experiment: name, reason: r } : { experiment: name }, name: shownName(x) }))]}
      done={() => toast(copy ? t('{what} copied to {name}', { what, name }) : t('{what} moved to {name}', { what, name }))}>
      {n > 1 && <Names of={runs.map(shownName)} />}
      <label class="field"><span>{t('Experiment')}</span><select value={to} disabled={!!fresh.trim()} onChange={(e) => set(e.currentTarget.value)}>{experiments.map((e) => <option key={e.experiment_id} value={e.name}>{e.name}</option>)}</select></label>
      <label class="field"><span>{t('or a new one')}</span><input value={fresh} maxLength={250} onInput={(e) => setFresh(e.currentTarget.value)} /></label>
      <p class="muted">{copy ? t('The copy has parameters, tags, metrics with their history and inputs, and refers to the same artifacts. Only ended runs can be copied.') : t('Artifacts stay where they are.')}</p>
    </Calls>
  );
}

export async function openTransfer(runs: Thing[], copy: boolean): Promise<void> {
  try {
    const list = await get<Page<Experiment>>('/api/v1/experiments?limit=1000');
    openDialog(() => <Transfer runs={runs} copy={copy} experiments={list.items} />);
  } catch (e) {
    toast((e as Error).message, 'bad');
  }
}

/* ---- names ---- */

function Name({ title, first, button, call, cli, note, done }: { title: string; first: string; button: string; call: (name: string) => Call; cli: (name: string) => string; note?: string; done: (name: string) => void }) {
  const [name, set] = useState(first), clean = name.trim();
  return (
    <Calls title={title} button={button} reason={false} ready={!!clean && clean !== first} cli={() => cli(word(clean || 'NAME'))} calls={() => [call(clean)]} done={() => done(clean)}>
      <label class="field"><span>{t('Name')}</span><input value={name} maxLength={250} autofocus onInput={(e) => set(e.currentTarget.value)} /></label>
      {note && <p class="muted">{note}</p>}
    </Calls>
  );
}

export const openNewExperiment = () => openDialog(() => <Name title={t('New experiment')} first="" button={t('Create')} call={(name) => ({ method: 'POST', path: '/api/v1/experiments', body: { name }, name })} cli={(n) => `slipway exp create ${n}`}
  note={t('The name of a deleted experiment can be used again.')} done={(name) => toast(t('Experiment {name} is there', { name }))} />);

export const openRenameExperiment = (e: Experiment) => openDialog(() => <Name title={t('Rename {name}', { name: e.name })} first={e.name} button={t('Rename')} call={(name) => ({ method: 'PATCH', path: `/api/v1/experiments/${seg(e.experiment_id)}`, body: { name }, name })}
  cli={(n) => `slipway exp rename ${word(e.name)} ${n}`} done={(name) => toast(t('{old} is now {name}', { old: e.name, name }))} />);

export const openRenameModel = (model: string) => openDialog(() => <Name title={t('Rename {name}', { name: model })} first={model} button={t('Rename')} call={(name) => ({ method: 'POST', path: `/api/v1${modelPath(model)}:rename`, body: { name }, name })}
  cli={(n) => `slipway model rename ${word(model)} ${n}`} note={t('Endpoints that serve it follow without a gap.')} done={(name) => { navigate(href(modelPath(name)), { replace: true }); toast(t('{old} is now {name}', { old: model, name })); }} />);
