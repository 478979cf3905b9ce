// SPDX-License-Identifier: Apache-2.0
// What was deleted: back with one press, or gone for good after its name was typed.
import { signal } from '@preact/signals';
import { int } from '../format';
import { msg, t } from '../i18n';
import type { ViewProps } from '../state';
import type { TrashItem } from '../types';
import { CommandLine, Empty, Of, Time } from '../ui/bits';
import { openPurge, restore, shownName, type Thing } from '../ui/lifecycle';
import { narrowFirst, Table, type Col } from '../ui/table';

const selected = signal<Set<string>>(new Set());
const kinds: Record<TrashItem['kind'], string> = { experiment: msg('Experiment'), run: msg('Run'), model: msg('Model'), version: msg('Model version') };
const thing = (i: TrashItem): Thing => ({ kind: i.kind, ref: i.ref, name: i.name, runs: i.run_count, versions: i.version_count });

function kindName(kind: TrashItem['kind']): string {
  const key = kinds[kind];
  return t(key);
}

function withIt(i: TrashItem): string {
  if (i.kind === 'experiment') return t('{n} runs', { n: i.run_count ?? 0 });
  if (i.kind === 'model') return t('{n} versions', { n: i.version_count ?? 0 });
  return i.experiment ?? '';
}

export default function Trash({ data }: ViewProps<'trash'>) {
  const rows = data.trash.items, picked = rows.filter((i) => selected.value.has(i.ref));
  const cols: Col<TrashItem>[] = [
    { id: 'name', label: t('Name'), value: (i) => shownName(thing(i)), render: (i) => <span title={i.ref}>{shownName(thing(i))}</span> },
    { id: 'kind', label: t('Kind'), value: (i) => kindName(i.kind) },
    { id: 'with', label: t('With it'), value: withIt, render: (i) => <span class="muted">{withIt(i) || '–'}</span> },
    { id: 'deleted', label: t('Deleted'), numeric: true, value: (i) => i.deleted_time_ms, render: (i) => <Time at={i.deleted_time_ms} /> },
    { id: 'do', label: t('Actions'), unsortable: true, value: () => '', render: (i) => <span class="row-actions">
      <button type="button" class="button small" onClick={() => void restore([thing(i)])}>{t('Restore')}<Of name={shownName(thing(i))} /></button>
      <button type="button" class="button small danger" onClick={() => openPurge(thing(i))}>{t('Remove for good')}…<Of name={shownName(thing(i))} /></button></span> },
  ];
  return (
    <div class="page">
      <header class="page-head"><div><h1 tabIndex={-1}>{t('Trash')}</h1><p class="muted">{t('Nothing here is removed by itself.')}</p></div></header>
      {rows.length ? <>
        <Table<TrashItem> label={t('Trash')} rows={rows} columns={narrowFirst(cols)} rowKey={(i) => i.ref} urlKey="" sort="-deleted" selected={selected.value} onSelect={(s) => (selected.value = s)}
          before={<div class="bar"><span class="muted num">{t('{n} things', { n: rows.length })}</span>
            <button type="button" class="button small" disabled={!picked.length} onClick={() => void restore(picked.map(thing)).then(() => (selected.value = new Set()))}>{picked.length ? t('Restore {n}', { n: int(picked.length) }) : t('Restore the selection')}</button></div>} />
        <CommandLine label={t('CLI')} text="slipway trash" />
      </> : <Empty icon="trash" title={t('The trash is empty')} why={t('Deleted experiments, runs, models and versions come here first.')} command="slipway trash" />}
    </div>
  );
}
