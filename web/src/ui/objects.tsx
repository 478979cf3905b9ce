// SPDX-License-Identifier: Apache-2.0
// Pieces about runs, gates, metrics and events that several pages share.
import { Icon } from './icons';
import { ago, bytes, int, ms, num, plain, pvalue, short } from '../format';
import { t } from '../i18n';
import { said } from '../phrases';
import { datasetPath, href, modelPath, refPath, runPath } from '../router';
import type { AuditEvent, Code, Coefficient, Gate, Metrics, Run, RunResult, Signature, Slice, Stage } from '../types';
import { extent, IntervalMark, Dots } from '../charts/marks';
import { CommandLine, Copy, Digest, Empty, Facts, gateState, KeyFacts, Num, StatusMark, WithInterval } from './bits';
import { Figure } from './figure';
import { storyText } from './storytext';
import { Table, type Col } from './table';

export const runName = (r: Run) => r.name || r.run_id.slice(0, 8);

export function RunLink({ id, name }: { id: string; name?: string }) {
  return <a href={href(runPath(id))}>{name || short(id)}</a>;
}

export function VersionLink({ name, version }: { name: string; version: string | number }) {
  return <a class="num" href={href(modelPath(name, version))}>{name}:{version}</a>;
}

export function DatasetLink({ name, digest }: { name: string; digest?: string | null }) {
  return <a href={href(datasetPath(name, digest))}>{name}{digest && <span class="muted"> @{short(digest, 6)}</span>}</a>;
}

/* Ways to say which direction of a metric is good; null when it is not known. */
export function better(metric: string): 'low' | 'high' | null {
  const m = metric.replace(/^.*\./, '');
  if (/^(rmse|mae|medae|max_error|mape|mse|loss|log_loss|brier|.*_error)$/.test(m)) return 'low';
  if (/^(r2|adj_r2|accuracy|auc|f1|precision|recall)$/.test(m)) return 'high';
  return null;
}

function stageKind(kind: string | undefined): string {
  switch (kind) {
    case 'data': return t('data');
    case 'do': return t('prepare');
    case 'split': return t('split');
    case 'model': return t('train');
    case 'gates': return t('gates');
    default: return kind ?? '';
  }
}

/* What the reader of the data and the run noticed: leaks, collinear columns, a small test part. */
export function Warnings({ texts = [] }: { texts?: string[] }) {
  return texts.length ? <div class="banner banner-warn"><strong><Icon name="warn" /> {t('{n} warnings', { n: texts.length })}</strong><ul>{texts.slice(0, 30).map((w) => <li key={w}>{w}</li>)}</ul></div> : null;
}

export function Stages({ stages }: { stages: Stage[] }) {
  const longest = Math.max(1e-9, ...stages.map((s) => s.ms ?? 0));
  return (
    <ol class="stages">
      {stages.map((s) => (
        <li key={s.name} class={`stage stage-${s.state}`}>
          <div class="stage-name"><strong>{s.name}</strong>{s.kind && s.kind !== s.name && !(s.kind === 'do' && s.name === 'prepare') && !(s.kind === 'model' && s.name === 'train') && <span class="muted"> {stageKind(s.kind)}</span>}</div>
          <StatusMark state={s.state} />
          <div class="stage-why">{said(s.message ?? s.why)}</div>
          <div class="stage-rows num muted">{s.rows_out !== null && s.rows_out !== undefined
            ? s.rows_in !== null && s.rows_in !== undefined && s.rows_in !== s.rows_out ? t('{a} → {b} rows', { a: int(s.rows_in), b: int(s.rows_out) }) : t('{n} rows', { n: s.rows_out }) : ''}</div>
          <div class="stage-time num">{s.ms !== null && s.ms !== undefined && s.state !== 'skipped' && <>
            <span>{ms(s.ms)}</span>
            <svg viewBox="0 0 60 4" width="60" height="4" aria-hidden="true" focusable="false"><rect width={Math.max(1, ((s.ms ?? 0) / longest) * 60)} height="4" rx="2" /></svg></>}</div>
        </li>
      ))}
    </ol>
  );
}

export function Gates({ gates }: { gates: Gate[] }) {
  if (!gates.length) return <Empty title={t('No gates')} why={t('A gate is a condition that a version must meet before it is registered.')} command="gates: [rmse <= 60]" />;
  return (
    <ul class="gates">
      {gates.map((g, i) => (
        <li key={i} class={`gate gate-${gateState(g.passed)}`}>
          <StatusMark state={gateState(g.passed)} />
          <code class="gate-expr">{g.expr}</code>
          <span class="gate-why">{said(g.message)}</span>
          {g.values && <span class="gate-values num">{Object.entries(g.values).map(([k, v]) => <span key={k} title={String(v)}><span class="muted">{k}</span> {num(v)}</span>)}</span>}
          {g.line !== undefined && g.line > 0 && <span class="muted gate-line">{t('slipway.yaml line {line}', { line: g.line })}</span>}
        </li>
      ))}
    </ul>
  );
}

export function metricName(m: string): string {
  const names: Record<string, string> = {
    rmse: t('Root mean squared error'), mae: t('Mean absolute error'), r2: t('Determination R²'), explained_variance: t('Explained variance'), medae: t('Median absolute error'),
    max_error: t('Largest error'), mape: t('Mean absolute percentage error'), bias: t('Mean error (bias)'), n: t('Rows'),
  };
  return names[m] ?? m;
}

function partName(part: string): string {
  switch (part) {
    case 'test': return t('Test');
    case 'valid': return t('Validation');
    case 'train': return t('Training');
    case 'baseline': return t('Baseline');
    case 'champion': return t('Champion');
    default: return part;
  }
}

/* Metrics by part, with intervals; the test part first, then what it must beat. */
export function MetricsTable({ metrics, label }: { metrics: Record<string, Metrics>; label: string }) {
  const parts = ['test', 'champion', 'baseline', 'valid', 'train'].filter((p) => metrics[p] && Object.keys(metrics[p]!).length);
  const names = [...new Set(parts.flatMap((p) => Object.keys(metrics[p]!)))];
  type Row = { name: string };
  const cols: Col<Row>[] = [
    { id: 'metric', label: t('Metric'), value: (r) => r.name, render: (r) => <span title={metricName(r.name)}><code>{r.name}</code> {parts.length < 4 && <span class="muted hide-narrow">{metricName(r.name) === r.name ? '' : metricName(r.name)}</span>}</span> },
    ...parts.map((p): Col<Row> => ({ id: p, label: partName(p), numeric: true, value: (r) => metrics[p]![r.name]?.value ?? null, render: (r) => <WithInterval v={metrics[p]![r.name]} /> })),
  ];
  return <div class="metrics"><Table label={label} rows={names.map((name) => ({ name }))} columns={cols} rowKey={(r) => r.name} /></div>;
}

/* One sentence on how a candidate compares with the champion. */
export function comparisonText(c: NonNullable<RunResult['comparison']>): string {
  const d = c.difference;
  const vars = { metric: c.metric ?? 'rmse', version: c.champion_version ?? '?', diff: num(d?.value), low: num(d?.low, 3), high: num(d?.high, 3) };
  if (!d) return t('Compared with champion v{version}.', { version: vars.version });
  if (typeof d.low === 'number' && typeof d.high === 'number' && d.low <= 0 && d.high >= 0)
    return t('No clear difference to champion v{version}: {metric} differs by {diff}, interval {low} to {high}.', vars);
  return c.better ? t('Better than champion v{version}: {metric} differs by {diff}, interval {low} to {high}.', vars)
    : t('Not better than champion v{version}: {metric} differs by {diff}, interval {low} to {high}.', vars);
}

export function Coefficients({ rows }: { rows: Coefficient[] }) {
  const rest = rows.filter((r) => r.name !== '(intercept)' && typeof r.low === 'number' && typeof r.high === 'number');
  const [lo, hi] = extent(rest.flatMap((r) => [r.low!, r.high!, 0]));
  const inferred = rest.length > 0;
  const cols: Col<Coefficient>[] = [
    { id: 'name', label: t('Term'), value: (r) => r.name, render: (r) => <code>{r.name}</code> },
    { id: 'estimate', label: t('Estimate'), numeric: true, value: (r) => r.estimate, render: (r) => <Num v={r.estimate} /> },
  ];
  const top = Math.max(...rows.filter((r) => r.name !== '(intercept)').map((r) => Math.abs(r.estimate)));
  if (!inferred) cols.push({ id: 'bar', label: t('Effect'), unsortable: true, value: () => null, render: (r) => (r.name === '(intercept)' ? null : <IntervalMark bar value={r.estimate} low={Math.min(0, r.estimate)} high={Math.max(0, r.estimate)} lo={-top} hi={top} />) });
  else cols.push(
    { id: 'ci', label: t('95 % interval'), unsortable: true, value: (r) => (typeof r.low === 'number' ? `${r.low} … ${r.high}` : null), render: (r) => (typeof r.low === 'number' && typeof r.high === 'number' && r.name !== '(intercept)' ? <IntervalMark value={r.estimate} low={r.low} high={r.high} lo={lo} hi={hi} /> : null) },
    { id: 'low', label: t('Low'), numeric: true, value: (r) => r.low, render: (r) => <Num v={r.low} /> },
    { id: 'high', label: t('High'), numeric: true, value: (r) => r.high, render: (r) => <Num v={r.high} /> },
    { id: 'se', label: t('Std. error'), numeric: true, value: (r) => r.se, render: (r) => <Num v={r.se} /> },
    { id: 't', label: 't', numeric: true, value: (r) => r.t, render: (r) => <Num v={r.t} digits={3} /> },
    { id: 'p', label: 'p', numeric: true, value: (r) => r.p, render: (r) => pvalue(r.p) },
    { id: 'vif', label: 'VIF', numeric: true, value: (r) => r.vif, render: (r) => (typeof r.vif === 'number' && r.vif > 10 ? <span class="warn-text" title={t('Above 10: strongly explained by the other columns')}>▲ {num(r.vif, 3)}</span> : <Num v={r.vif} digits={3} />) });
  return <>
    <Table label={t('Coefficients')} rows={rows} columns={cols} rowKey={(r) => r.name} tools />
    {!inferred && <p class="muted pad">{t('A penalised model has no classical standard errors; only estimates are shown.')}</p>}
  </>;
}

export function FitFacts({ fit }: { fit: Record<string, unknown> }) {
  const names: [string, string][] = [
    ['n', t('Rows')], ['p', t('Columns')], ['rank', t('Rank')], ['method', t('Solved by')], ['r2', 'R²'], ['adj_r2', t('Adjusted R²')], ['sigma', 'σ'],
    ['f', 'F'], ['f_p', t('p of F')], ['aic', 'AIC'], ['bic', 'BIC'], ['condition', t('Condition number')], ['durbin_watson', 'Durbin–Watson'], ['collinear', t('Collinear columns')],
  ];
  return <KeyFacts items={names.filter(([k]) => fit[k] !== undefined && fit[k] !== null && !(Array.isArray(fit[k]) && !(fit[k] as unknown[]).length)).map(([k, label]) =>
    [label, k === 'f_p' ? pvalue(fit[k] as number) : Array.isArray(fit[k]) ? (fit[k] as unknown[]).join(', ') : <span class="num" title={String(fit[k])}>{plain(fit[k])}</span>])} />;
}

export function ResidualPlots({ residuals }: { residuals: NonNullable<NonNullable<RunResult['model']>['residuals']> }) {
  const f = residuals.fitted ?? [], r = residuals.residual ?? [], qq = residuals.qq;
  if (!f.length && !qq) return null;
  return (
    <div class="two">
      {f.length > 0 && <Figure title={t('Residuals over fitted values')} summary={t('{n} points; a good fit shows no pattern around the line at zero.', { n: f.length })}
        table={() => ({ head: [t('Fitted'), t('Residual'), ...(residuals.leverage ? [t('Leverage')] : [])], rows: f.map((x, i) => [x, r[i] ?? null, ...(residuals.leverage ? [residuals.leverage[i] ?? null] : [])]) })}>
        <Dots label={t('Residuals over fitted values')} x={f} y={r} xLabel={t('Fitted')} yLabel={t('Residual')} line="zero" /></Figure>}
      {qq && qq.theoretical.length > 0 && <Figure title={t('Normal quantiles of the residuals')} summary={t('{n} quantiles; normal errors lie on the line.', { n: qq.theoretical.length })}
        table={() => ({ head: [t('Theoretical'), t('Sample')], rows: qq.theoretical.map((x, i) => [x, qq.sample[i] ?? null]) })}>
        <Dots label={t('Normal quantiles of the residuals')} x={qq.theoretical} y={qq.sample} xLabel={t('Theoretical')} yLabel={t('Sample')} line="diagonal" /></Figure>}
    </div>
  );
}

export function Slices({ rows }: { rows: Slice[] }) {
  const worst = Math.max(1e-300, ...rows.map((r) => r.rmse ?? 0));
  const cols: Col<Slice>[] = [
    { id: 'slice', label: t('Slice'), value: (r) => `${r.column} = ${r.value}`, render: (r) => <><code>{r.column}</code> = {String(r.value)}</> },
    { id: 'n', label: t('Rows'), numeric: true, value: (r) => r.n, render: (r) => (r.n < 30 ? <span class="muted" title={t('Fewer than 30 rows: read with care')}>{int(r.n)} ▽</span> : int(r.n)) },
    { id: 'rmse', label: 'rmse', numeric: true, value: (r) => r.rmse, render: (r) => <Num v={r.rmse} /> },
    { id: 'bar', label: t('Compared'), unsortable: true, value: () => null, render: (r) => <svg class="slice-bar" viewBox="0 0 100 8" width="100" height="8" aria-hidden="true" focusable="false"><rect width={((r.rmse ?? 0) / worst) * 100} height="8" rx="2" /></svg> },
    { id: 'mae', label: 'mae', numeric: true, value: (r) => r.mae, render: (r) => <Num v={r.mae} /> },
    { id: 'bias', label: t('Bias'), numeric: true, value: (r) => r.bias, render: (r) => <Num v={r.bias} /> },
  ];
  return <Table label={t('Metrics by slice')} rows={rows} columns={cols} rowKey={(r) => `${r.column}=${r.value}`} sort="-rmse" tools />;
}

export function SignatureTable({ signature }: { signature: Signature }) {
  return (
    <div class="signature">
      {([[t('Inputs'), signature.inputs], [t('Outputs'), signature.outputs]] as const).map(([label, fields]) => (
        <div key={label}><h3>{label}</h3><ul>{fields.map((f) => <li key={f.name}><code>{f.name}</code> <span class="muted">{f.type}{'required' in f && f.required === false ? ` · ${t('optional')}` : ''}</span></li>)}</ul></div>
      ))}
    </div>
  );
}

export function KeyValues({ values, empty }: { values: Record<string, unknown> | null | undefined; empty: string }) {
  const entries = Object.entries(values ?? {});
  if (!entries.length) return <p class="muted">{empty}</p>;
  return <Facts items={entries.map(([k, v]) => [k, <span class="num breakable" title={String(v)}>{typeof v === 'string' ? v : plain(v)}</span>])} />;
}

export function CodeFacts({ code }: { code: Code | null | undefined }) {
  if (!code) return <p class="muted">{t('Nothing is known about the code.')}</p>;
  return <>
    <Facts items={[
      [t('Commit'), code.commit ? <Digest hex={code.commit} /> : <span class="muted">{t('not in a git repository')}</span>],
      [t('Uncommitted changes'), code.dirty ? <Digest hex={code.dirty} /> : code.commit ? t('none') : ''],
    ]} />
    {code.command && <CommandLine label={t('Command')} text={code.command} />}
  </>;
}

export function FileList({ files, base }: { files: { path: string; bytes: number; sha256: string }[]; base?: string }) {
  return <Table label={t('Files')} rows={files} rowKey={(f) => f.path} columns={[
    { id: 'path', label: t('Path'), value: (f) => f.path, render: (f) => (base ? <a href={base + f.path.split('/').map(encodeURIComponent).join('/')} download>{f.path}</a> : <code>{f.path}</code>) },
    { id: 'bytes', label: t('Size'), numeric: true, value: (f) => f.bytes, render: (f) => bytes(f.bytes) },
    { id: 'sha256', label: 'SHA-256', value: (f) => f.sha256, render: (f) => <Digest hex={f.sha256} /> },
  ]} />;
}

/* What an event says, in words; kinds that we do not know are shown as they are. */
export function eventText(e: AuditEvent): string {
  const m = /^\w+\/(.+)$/.exec(e.subject ?? ''), name = m?.[1] ?? e.subject;
  const shortName = name.replace(/[0-9a-f]{32,}/g, (x) => x.slice(0, 8));
  const after = (e.after && typeof e.after === 'object' ? e.after : {}) as Record<string, unknown>;
  const v = after.version !== undefined ? String(after.version) : '';
  const vars = { name: shortName, version: v, alias: String(after.alias ?? ((e.before as Record<string, unknown> | null)?.alias ?? '')) };
  switch (e.kind) {
    case 'run.created': case 'run.started': return t('Run {name} started', vars);
    case 'run.finished': return t('Run {name} finished', vars);
    case 'run.failed': return t('Run {name} failed', vars);
    case 'attempt.queued': return t('Run {name} was queued', vars);
    case 'attempt.running': return t('The processes of run {name} started', vars);
    case 'attempt.success': case 'attempt.failed': case 'attempt.cancelled': case 'attempt.lost': return t('The processes of run {name} ended', vars);
    case 'run.cancel_requested': return t('Run {name} was asked to stop', vars);
    case 'run.deleted': return t('Run {name} was deleted', vars);
    case 'run.restored': return t('Run {name} was restored', vars);
    case 'run.killed': case 'run.cancelled': return t('Run {name} was cancelled', vars);
    case 'run.updated': case 'run.status_changed': case 'run.renamed': return t('Run {name} changed', vars);
    case 'model.created': case 'registered_model.created': return t('Model {name} was created', vars);
    case 'model.described': case 'model_version.described': return t('{name} was described', vars);
    case 'model.deleted': return t('Model {name} was deleted', vars);
    case 'model.renamed': return t('Model {name} was renamed', vars);
    case 'model.alias_set': return t('{name}: alias {alias} was set to v{version}', vars);
    case 'model.alias_deleted': return t('{name}: alias {alias} was removed', vars);
    case 'model.tag_set': case 'model_version.tag_set': return t('{name} was tagged', vars);
    case 'model.tag_deleted': case 'model_version.tag_deleted': return t('A tag of {name} was removed', vars);
    case 'model_version.created': return t('Version {name} was registered', vars);
    case 'model_version.converted': return t('Version {name} was converted', vars);
    case 'model_version.deleted': return t('Version {name} was deleted', vars);
    case 'endpoint.created': case 'endpoint.deployed': return v ? t('{name} was deployed with v{version}', vars) : t('{name} was deployed', vars);
    case 'endpoint.promoted': return v ? t('{name} was promoted to v{version}', vars) : t('{name} was promoted', vars);
    case 'endpoint.rolled_back': case 'endpoint.rollback': return v ? t('{name} was rolled back to v{version}', vars) : t('{name} was rolled back', vars);
    case 'endpoint.deleted': return t('Endpoint {name} was deleted', vars);
    case 'dataset.created': case 'dataset_version.created': return t('Dataset {name} was recorded', vars);
    case 'fact.added': case 'fact.created': return t('A fact was added to {name}', vars);
    case 'experiment.created': return t('Experiment {name} was created', vars);
    case 'monitor.window_closed': return t('A window of {name} was judged', vars);
    default: return storyText(e) ?? `${e.kind} ${shortName}`;
  }
}

export function EventList({ events }: { events: AuditEvent[] }) {
  return (
    <ul class="feed">
      {events.map((e) => {
        const to = refPath(e.subject), text = eventText(e);
        return (
          <li key={e.seq}>
            <span class={`feed-dot kind-${e.kind.split('.')[0]}`} aria-hidden="true" />
            <div><p>{to ? <a href={href(to)}>{text}</a> : text}{e.reason && <span class="muted"> · {e.reason}</span>}</p>
              <p class="muted small"><span title={e.actor}>{e.actor}</span> · {ago(e.time_ms)}</p></div>
          </li>
        );
      })}
    </ul>
  );
}

/* The command that makes the same run again. */
export function reproduce(r: Run): string {
  const params = Object.entries(r.params ?? r.result?.params ?? {}).map(([k, v]) => `-p ${k}=${String(v)}`);
  const commit = r.code?.commit && !r.code.dirty ? `git checkout ${r.code.commit.slice(0, 12)} && ` : '';
  return `${commit}slipway run --force ${params.join(' ')}`.trim();
}

export { Copy };
