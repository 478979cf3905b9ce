// SPDX-License-Identifier: Apache-2.0
// Experiments: how many runs each has; new, renamed, deleted.
import { t } from '../i18n';
import { href, seg } from '../router';
import type { ViewProps } from '../state';
import type { Experiment } from '../types';
import { CommandLine, Num, Of, Time } from '../ui/bits';
import { openDelete, openNewExperiment, openRenameExperiment } from '../ui/lifecycle';
import { narrowFirst, Table, type Col } from '../ui/table';

export default function Experiments({ data }: ViewProps<'experiments'>) {
  const rows = data.experiments.items, note = (e: Experiment) => e.tags?.['mlflow.note.content'] ?? '';
  const cols: Col<Experiment>[] = [
    { id: 'name', label: t('Experiment'), value: (e) => e.name, render: (e) => <a href={href(`/runs?experiment=${seg(e.experiment_id)}`)}>{e.name}</a> },
    { id: 'runs', label: t('Runs'), numeric: true, value: (e) => e.run_count, render: (e) => <Num v={e.run_count} /> },
    { id: 'id', label: t('Number'), numeric: true, value: (e) => Number(e.experiment_id) },
    { id: 'created', label: t('Created'), numeric: true, value: (e) => e.creation_time_ms, render: (e) => <Time at={e.creation_time_ms} /> },
    { id: 'changed', label: t('Changed'), numeric: true, value: (e) => e.last_update_time_ms, render: (e) => <Time at={e.last_update_time_ms} /> },
    { id: 'note', label: t('Description'), value: note, hidden: rows.every((e) => !note(e)) },
    { id: 'where', label: t('Artifacts'), value: (e) => e.artifact_location, hidden: true },
    { id: 'do', label: t('Actions'), unsortable: true, value: () => '', render: (e) => <span class="row-actions">
      <button type="button" class="button small" onClick={() => openRenameExperiment(e)}>{t('Rename')}…<Of name={e.name} /></button>
      <button type="button" class="button small danger" disabled={e.experiment_id === '0'} onClick={() => openDelete([{ kind: 'experiment', ref: `experiment/${e.experiment_id}`, name: e.name, runs: e.run_count }])}>{t('Delete')}…<Of name={e.name} /></button></span> },
  ];
  return (
    <div class="page">
      <header class="page-head"><div><p class="crumbs"><a href={href('/runs')}>{t('Runs')}</a></p><h1 tabIndex={-1}>{t('Experiments')}</h1></div>
        <div class="actions"><button type="button" class="button primary" onClick={openNewExperiment}>{t('New experiment')}…</button></div></header>
      <Table<Experiment> label={t('Experiments')} rows={rows} columns={narrowFirst(cols)} rowKey={(e) => e.experiment_id} urlKey="" sort="-changed" tools />
      <CommandLine label={t('CLI')} text="slipway exp ls --experiments" />
    </div>
  );
}
