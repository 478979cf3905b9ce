// SPDX-License-Identifier: Apache-2.0
// Every chart: a <figure> with one sentence that says what it shows, and the same data as a table.
import { useState } from 'preact/hooks';
import type { ComponentChildren } from 'preact';
import { num } from '../format';
import { t } from '../i18n';

export interface Grid { head: string[]; rows: (string | number | null)[][] }

export function Figure({ title, summary, table, children }: { title?: string; summary: string; table?: () => Grid; children: ComponentChildren }) {
  const [asTable, set] = useState(false);
  const grid = asTable && table ? table() : null;
  return (
    <figure class="figure">
      <figcaption>
        <div>{title && <strong>{title}</strong>}<span class="summary">{summary}</span></div>
        {table && <button type="button" class="link-button" aria-pressed={asTable} onClick={() => set(!asTable)}>{asTable ? t('View as chart') : t('View as table')}</button>}
      </figcaption>
      {grid ? (
        <div class="table-scroll short" tabIndex={0} role="region" aria-label={title ?? summary}>
          <table><thead><tr>{grid.head.map((h) => <th key={h} scope="col" class="right">{h}</th>)}</tr></thead>
            <tbody>{grid.rows.slice(0, 200).map((r, i) => <tr key={i}>{r.map((v, j) => <td key={j} class="right num">{typeof v === 'number' ? num(v) : v ?? '–'}</td>)}</tr>)}</tbody></table>
          {grid.rows.length > 200 && <p class="muted pad">{t('The first 200 of {n} rows.', { n: grid.rows.length })}</p>}
        </div>
      ) : children}
    </figure>
  );
}
