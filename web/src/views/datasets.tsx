// SPDX-License-Identifier: Apache-2.0
// Every dataset that a run has seen.
import { t } from '../i18n';
import { datasetPath, href } from '../router';
import type { ViewProps } from '../state';
import type { Dataset } from '../types';
import { Digest, Empty, Num, Time } from '../ui/bits';
import { Table } from '../ui/table';

export default function Datasets({ data }: ViewProps<'datasets'>) {
  const rows = data.datasets.items;
  return (
    <div class="page">
      <header class="page-head"><h1 tabIndex={-1}>{t('Datasets')}</h1></header>
      {rows.length ? <Table<Dataset> label={t('Datasets')} rows={rows} rowKey={(d) => d.name + d.digest} urlKey="" sort="-created" tools columns={[
        { id: 'name', label: t('Dataset'), value: (d) => d.name, render: (d) => <a href={href(datasetPath(d.name))}>{d.name}</a> },
        { id: 'digest', label: t('Newest version'), value: (d) => d.digest, render: (d) => <Digest hex={d.digest} /> },
        { id: 'rows', label: t('Rows'), numeric: true, value: (d) => d.rows, render: (d) => <Num v={d.rows} /> },
        { id: 'columns', label: t('Columns'), numeric: true, value: (d) => d.columns_n, render: (d) => <Num v={d.columns_n} /> },
        { id: 'versions', label: t('Versions'), numeric: true, value: (d) => d.versions?.length, render: (d) => <Num v={d.versions?.length} />, hidden: rows.every((d) => !d.versions) },
        { id: 'created', label: t('Recorded'), numeric: true, value: (d) => d.creation_time_ms, render: (d) => <Time at={d.creation_time_ms} /> },
      ]} /> : <Empty icon="datasets" title={t('No datasets yet')} why={t('A run records the data it read, by its digest.')} command="slipway run" />}
    </div>
  );
}
