// SPDX-License-Identifier: Apache-2.0
// Lineage from left to right: rank = longest path from a source, order within a rank by barycentre.
// Small graphs (two hops); nodes are links, so that the keyboard walks them in order.
import { t } from '../i18n';
import { href, refPath } from '../router';
import type { Lineage as Graph } from '../types';
import { Figure } from '../ui/figure';

const W = 176, H = 52, GX = 56, GY = 18;

function layout(g: Graph): { at: Map<string, { x: number; y: number }>; width: number; height: number } {
  const rank = new Map(g.nodes.map((n) => [n.id, 0]));
  for (let pass = 0; pass < g.nodes.length; pass++) {
    let moved = false;
    for (const [a, b] of g.edges) {
      const want = (rank.get(a) ?? 0) + 1;
      if (rank.has(b) && rank.has(a) && (rank.get(b) ?? 0) < want && want < g.nodes.length) { rank.set(b, want); moved = true; }
    }
    if (!moved) break;
  }
  const layers: string[][] = [];
  for (const n of g.nodes) (layers[rank.get(n.id)!] ??= []).push(n.id);
  const pos = new Map<string, number>();
  layers.forEach((l) => l.forEach((id, i) => pos.set(id, i)));
  for (let sweep = 0; sweep < 4; sweep++)
    for (const l of layers) {
      const centre = (id: string) => {
        const near = g.edges.filter(([a, b]) => a === id || b === id).map(([a, b]) => pos.get(a === id ? b : a) ?? 0);
        return near.length ? near.reduce((s, v) => s + v, 0) / near.length : pos.get(id)!;
      };
      l.map((id) => [id, centre(id)] as const).sort((p, q) => p[1] - q[1]).forEach(([id], i) => pos.set(id, i));
      l.sort((p, q) => pos.get(p)! - pos.get(q)!);
    }
  const tall = Math.max(1, ...layers.map((l) => l.length)), height = tall * (H + GY) - GY;
  const at = new Map<string, { x: number; y: number }>();
  layers.forEach((l, r) => l.forEach((id, i) => at.set(id, { x: r * (W + GX), y: (height - (l.length * (H + GY) - GY)) / 2 + i * (H + GY) })));
  return { at, width: layers.length * (W + GX) - GX, height };
}

function kindText(kind: string): string {
  switch (kind) {
    case 'data': case 'dataset': return t('Dataset');
    case 'run': return t('Run');
    case 'model': case 'model_version': return t('Model version');
    case 'endpoint': return t('Endpoint');
    default: return kind;
  }
}

export function LineageGraph({ graph, here }: { graph: Graph; here?: string }) {
  const { at, width, height } = layout(graph);
  const name = (id: string) => graph.nodes.find((n) => n.id === id)?.label ?? id;
  return (
    <Figure title={t('Lineage')} summary={t('{n} things, from data on the left to what serves it on the right.', { n: graph.nodes.length })}
      table={() => ({ head: [t('From'), t('To')], rows: graph.edges.map(([a, b]) => [name(a), name(b)]) })}>
      <div class="lineage-scroll" tabIndex={0} role="region" aria-label={t('Lineage')}>
        <div class="lineage" style={{ width: `${width}px`, height: `${height}px` }}>
          <svg width={width} height={height} aria-hidden="true" focusable="false">
            {graph.edges.map(([a, b]) => {
              const p = at.get(a), q = at.get(b);
              if (!p || !q) return null;
              const x1 = p.x + W, y1 = p.y + H / 2, x2 = q.x, y2 = q.y + H / 2, m = (x1 + x2) / 2;
              return <path key={`${a} ${b}`} d={`M${x1} ${y1}C${m} ${y1} ${m} ${y2} ${x2} ${y2}`} />;
            })}
          </svg>
          {graph.nodes.map((n) => {
            const p = at.get(n.id)!, to = refPath(n.href ?? n.id);
            const body = <><span class="kind">{kindText(n.kind)}</span><span class="label">{n.label}</span></>;
            const cls = `node node-${n.kind}${n.id === here ? ' here' : ''}`, style = { left: `${p.x}px`, top: `${p.y}px`, width: `${W}px`, height: `${H}px` };
            return to ? <a key={n.id} class={cls} style={style} href={href(to)} title={n.label}>{body}</a> : <div key={n.id} class={cls} style={style} title={n.label}>{body}</div>;
          })}
        </div>
      </div>
    </Figure>
  );
}
