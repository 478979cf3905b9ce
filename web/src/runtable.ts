// SPDX-License-Identifier: Apache-2.0
// The rows of the runs table that the page holds: blocks of 100 by columns, fetched when they come in
// sight, kept (and shown) while newer ones are on the way, dropped when far away.
import { signal } from '@preact/signals';
import { get } from './api';
import { seg } from './router';
import type { RunTable } from './types';

export const BLOCK = 100;
const BLOCKS_MAX = 200, COLUMNS_MAX = 60;

interface Block { ids: string[]; columns: Map<string, unknown[]>; stale: boolean; used: number }

export class RunCache {
  readonly version = signal(0); /* changes when something arrived */
  readonly failed = signal<unknown>(null);
  total = 0;
  private blocks = new Map<number, Block>();
  private wanted: { from: number; to: number; columns: string[] } | null = null;
  private busy = 0;
  private clock = 0;
  private timer = 0;

  constructor(readonly query: string) {} /* 'filter=…&order_by=…' without columns and window */

  /* A window that came with the page or with a reload: everything else is stale but stays. */
  put(table: RunTable, reset: boolean): void {
    if (reset) for (const b of this.blocks.values()) b.stale = true;
    this.total = table.total;
    for (let at = 0; at < Math.max(1, table.run_ids.length); at += BLOCK) this.store(Math.floor((table.offset + at) / BLOCK), table, at);
    const last = Math.ceil(this.total / BLOCK);
    for (const k of this.blocks.keys()) if (k >= Math.max(1, last)) this.blocks.delete(k);
    this.version.value++;
    this.pump();
  }

  private store(index: number, table: RunTable, at: number): void {
    const ids = table.run_ids.slice(at, at + BLOCK), old = this.blocks.get(index);
    const same = old && !old.stale && old.ids.join() === ids.join();
    const block: Block = same ? old : { ids, columns: new Map(), stale: false, used: ++this.clock };
    for (const c of table.columns) block.columns.set(c.name, c.values.slice(at, at + BLOCK));
    this.blocks.set(index, block);
    if (this.blocks.size > BLOCKS_MAX) {
      const oldest = [...this.blocks.entries()].sort((a, b) => a[1].used - b[1].used)[0]!;
      if (oldest[0] !== index) this.blocks.delete(oldest[0]);
    }
  }

  id(row: number): string | null {
    return this.blocks.get(Math.floor(row / BLOCK))?.ids[row % BLOCK] ?? null;
  }

  /* The name of a run that was shown, '' when it is gone from here. */
  nameOf(id: string): string {
    for (const b of this.blocks.values()) {
      const at = b.ids.indexOf(id);
      if (at >= 0) return String(b.columns.get('name')?.[at] ?? '');
    }
    return '';
  }

  /* undefined = not here yet. */
  value(row: number, column: string): unknown {
    return this.blocks.get(Math.floor(row / BLOCK))?.columns.get(column)?.[row % BLOCK];
  }

  /* All values of a column that are here. */
  *known(column: string): Generator<unknown> {
    for (const b of this.blocks.values()) yield* b.columns.get(column) ?? [];
  }

  /* Says what is in sight; asks for what is missing of it soon. */
  need(from: number, to: number, columns: string[]): void {
    this.wanted = { from, to, columns };
    clearTimeout(this.timer);
    this.timer = window.setTimeout(() => this.pump(), this.missing().some((i) => !this.blocks.has(i)) ? 40 : 10);
  }

  private missing(): number[] {
    const w = this.wanted, list: number[] = [];
    if (!w) return list;
    for (let i = Math.floor(w.from / BLOCK); i * BLOCK < Math.min(w.to, this.total); i++) {
      const b = this.blocks.get(i);
      if (b) b.used = ++this.clock;
      if (!b || b.stale || w.columns.some((c) => !b.columns.has(c))) list.push(i);
    }
    return list;
  }

  private pump(): void {
    const index = this.missing()[0];
    if (this.busy || index === undefined || !this.wanted) return;
    const b = this.blocks.get(index), columns = (b && !b.stale ? this.wanted.columns.filter((c) => !b.columns.has(c)) : this.wanted.columns).slice(0, COLUMNS_MAX);
    this.busy++;
    get<RunTable>(`/api/v1/runs/table?${this.query}${this.query ? '&' : ''}offset=${index * BLOCK}&limit=${BLOCK}&columns=${columns.map(seg).join(',')}`).then((table) => {
      this.busy--;
      this.failed.value = null;
      this.total = table.total;
      const now = this.blocks.get(index);
      if (now && !now.stale && now.ids.join() !== table.run_ids.join()) now.stale = true;
      this.store(index, table, 0);
      this.version.value++;
      this.pump();
    }, (e: unknown) => {
      this.busy--;
      this.failed.value = e;
    });
  }
}

/* All matching rows, for export: windows of 1,000, at most `most` rows. */
export async function fetchAll(query: string, columns: string[], most: number): Promise<{ ids: string[]; values: unknown[][] }> {
  const ids: string[] = [], values: unknown[][] = columns.map(() => []);
  for (let at = 0; at < most; at += 1000) {
    const limit = Math.min(1000, most - at);
    let total = 0, got = 0;
    for (let c = 0; c < Math.max(1, columns.length); c += 100) {
      const part = columns.slice(c, c + 100);
      const table = await get<RunTable>(`/api/v1/runs/table?${query}${query ? '&' : ''}offset=${at}&limit=${limit}&columns=${part.map(seg).join(',')}`);
      const by = new Map(table.columns.map((x) => [x.name, x.values]));
      if (c === 0) ids.push(...table.run_ids);
      part.forEach((name, i) => values[c + i]!.push(...(by.get(name) ?? table.run_ids.map(() => null))));
      total = table.total;
      got = table.run_ids.length;
    }
    if (got < limit || at + got >= total) break;
  }
  return { ids, values };
}
