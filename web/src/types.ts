// SPDX-License-Identifier: Apache-2.0
// The shapes of the native REST API that the pages read. Everything that a server of another version
// might leave out is optional here, and the views cope with its absence.

export type Interval = { value: number | null; low?: number | null; high?: number | null };
export type Metrics = Record<string, Interval>;

export interface Stage {
  name: string; kind?: string; state: string; why?: string | null; ms?: number | null;
  rows_in?: number | null; rows_out?: number | null; digest?: string | null; message?: string | null;
}
export interface Gate {
  expr: string; passed: boolean | null; values?: Record<string, number | string | null>;
  message?: string | null; line?: number; column?: number;
}
export interface Column {
  name: string; type: string; role?: string; missing?: number; distinct?: number;
  min?: number | null; max?: number | null; mean?: number | null; sd?: number | null;
  quantiles?: (number | null)[]; histogram?: { edges: number[]; counts: number[] } | null;
  top?: { value: string | number; count: number }[] | null;
}
export interface Coefficient {
  name: string; estimate: number; se?: number | null; t?: number | null; p?: number | null;
  low?: number | null; high?: number | null; vif?: number | null;
}
export interface Signature {
  inputs: { name: string; type: string; required?: boolean }[];
  outputs: { name: string; type: string }[];
}
export interface Residuals {
  fitted?: number[]; residual?: number[]; leverage?: number[];
  qq?: { theoretical: number[]; sample: number[] };
}
export interface Slice { column: string; value: string | number; n: number; rmse?: number; mae?: number; bias?: number }
export interface Comparison {
  champion_version?: string; metric?: string;
  difference?: { value: number; low?: number; high?: number; p?: number | null }; better?: boolean;
}
export interface Code { commit?: string | null; dirty?: string | null; command?: string | null }
export interface DataRef {
  name: string; digest: string; rows?: number; columns?: Column[]; warnings?: string[];
  files?: { path: string; bytes: number; sha256: string }[]; target?: string; key?: string | null; time?: string | null;
}
export interface RunResult {
  state?: string; error?: { code?: string; message?: string; stage?: string; line?: number } | null;
  stages?: Stage[]; dataset?: DataRef; gates?: Gate[]; metrics?: Record<string, Metrics>;
  comparison?: Comparison | null; slices?: Slice[]; params?: Record<string, unknown>; seed?: number;
  environment?: Record<string, unknown>;
  split?: { by?: string; seed?: number; train?: number; valid?: number; test?: number };
  model?: {
    name?: string; family?: string; digest?: string; bytes?: number; signature?: Signature;
    coefficients?: Coefficient[]; fit?: Record<string, unknown>; residuals?: Residuals;
    training_means?: Record<string, number>; input_example?: Record<string, unknown>;
  } | null;
}
export interface Run {
  run_id: string; experiment_id?: string; experiment?: string; name?: string; status: string;
  status_reason?: string | null; user?: string | null; start_time_ms?: number | null; end_time_ms?: number | null;
  duration_ms?: number | null; lifecycle_stage?: string; params?: Record<string, string>;
  metrics?: Record<string, number>; tags?: Record<string, string>;
  model_versions?: { name: string; version: string }[]; dataset?: { name: string; digest: string } | null;
  attempt?: number; stages?: Stage[]; result?: RunResult | null; artifact_uri?: string; code?: Code | null;
  environment?: Record<string, unknown> | null; progress?: Stage[];
}
export interface Fact { id?: string; name: string; value: unknown; producer?: string; time_ms?: number }
export interface Version {
  name: string; version: string; status?: string; creation_time_ms?: number; run_id?: string | null; digest?: string;
  source?: string; description?: string; aliases?: string[]; tags?: Record<string, string>; stage?: string;
  family?: string; metrics?: Metrics; endpoints?: string[];
  signature?: Signature; dataset?: DataRef | null; code?: Code | null; params?: Record<string, string>;
  environment?: Record<string, unknown> | null; seed?: number; gates?: Gate[]; comparison?: Comparison | null;
  coefficients?: Coefficient[]; fit?: Record<string, unknown>; residuals?: Residuals; slices?: Slice[]; facts?: Fact[];
  files?: { path: string; bytes: number; sha256: string }[];
  lineage?: Lineage; predictor?: Record<string, unknown>; input_example?: Record<string, unknown>;
  training_means?: Record<string, number>; result_metrics?: Record<string, Metrics>;
}
export interface Lineage { nodes: { id: string; kind: string; label: string; href?: string }[]; edges: [string, string][] }
export interface Model {
  name: string; description?: string; creation_time_ms?: number; last_update_time_ms?: number;
  latest_version?: string | null; version_count?: number; aliases?: Record<string, string>; endpoints?: string[];
  tags?: Record<string, string>; versions?: Version[];
}
export interface Traffic {
  version: string; requests: number; errors: number; rate?: number; p50_ms?: number | null; p90_ms?: number | null;
  p99_ms?: number | null; mean_prediction?: number | null;
}
export interface Endpoint {
  name: string; model: string; version: string; serving_version?: string | null; state: string;
  state_reason?: string | null; url?: string | null; previous_version?: string | null; creation_time_ms?: number;
  last_update_time_ms?: number;
  history?: { version: string; time_ms: number; actor?: string; action: string; reason?: string | null }[];
  signature?: Signature; input_example?: Record<string, unknown>; traffic?: Traffic[];
  series?: { t_ms: number[]; requests: number[]; errors: number[]; p99_ms: (number | null)[]; versions?: { version: string; requests: number[]; errors: number[]; p99_ms: (number | null)[] }[] };
}
export interface Dataset {
  name: string; digest: string; creation_time_ms?: number; rows?: number; columns_n?: number;
  files?: { path: string; bytes: number; sha256: string }[] | number;
  versions?: { digest: string; rows?: number; creation_time_ms?: number; columns_n?: number }[];
  columns?: Column[]; warnings?: string[]; target?: string; key?: string | null; time?: string | null;
  used_by?: { runs?: (string | { run_id: string; name?: string })[]; models?: (string | { name: string; version?: string })[] };
}
export interface AuditEvent {
  seq: number; id?: string; time_ms: number; actor: string; kind: string; subject: string;
  before?: unknown; after?: unknown; reason?: string | null; request_id?: string | null;
}
export interface Need { kind: string; text: string; ref?: string | null; command?: string | null }
export interface Status {
  data_dir?: string; server?: { pid: number; url: string; started_ms: number } | null;
  endpoints?: Endpoint[]; running?: Run[]; recent?: Run[]; models?: Model[]; needs?: Need[];
}
export interface CompareTable {
  columns: { ref: string; label: string }[];
  sections: { name: string; rows: { key: string; values: unknown[]; differs: boolean; better?: 'low' | 'high' | null }[] }[];
}
export interface TableColumn { name: string; type: 'text' | 'number' | 'versions'; values: unknown[] }
export interface RunTable {
  total: number; offset: number; run_ids: string[]; columns: TableColumn[];
  keys?: { metrics: string[]; params: string[]; tags: string[] };
}
export interface MetricSeries {
  run_id: string; name: string; status?: string; start_time_ms?: number; count: number;
  steps: number[]; times_ms: number[]; values: (number | null)[];
}
export interface TrashItem { kind: 'experiment' | 'run' | 'model' | 'version'; ref: string; name: string; deleted_time_ms: number; experiment?: string; run_count?: number; version_count?: number }
export interface Experiment { experiment_id: string; name: string; run_count?: number; creation_time_ms?: number; last_update_time_ms?: number; artifact_location?: string; tags?: Record<string, string> }
export interface SavedView { page: string; name: string; private: boolean; state: Record<string, string>; last_update_time_ms: number }
export interface Page<T> { items: T[]; next_page_token?: string | null }
export interface Explanation { prediction: number; base: number; contributions: { name: string; value: unknown; contribution: number }[] }

/* ---- watching, alerts, rollouts ---- */

/* A number that may be unknown comes as the text "NaN". */
export type Maybe = number | string | null;
export interface Strategy { shadow?: number; canary?: number[]; every?: string; min_requests?: number; check?: string; timeout?: string; abort?: string[]; automatic?: boolean }
export interface Rollout {
  id: string; endpoint: string; model: string; champion: string; candidate: string; state: string; stage: string; step: number; steps: number; percent: number;
  step_requests: number; step_requests_wanted: number; step_ends_ms?: number; recent_breaches?: number; started_ms: number | null; step_started_ms: number | null;
  updated_ms?: number | null; ended_ms: number | null; actor?: string; reason?: string | null; strategy?: Strategy;
}
export interface RolloutCheck {
  time_ms: number; step: number; requests: number; verdict: string;
  detail?: { values?: Record<string, Maybe>; rules?: { rule: string; breached: boolean | null; message?: string | null }[] };
}
export interface RolloutAnswer { rollout: Rollout; checks: RolloutCheck[] }
export interface Alert {
  id: string; endpoint: string; alert: string; severity: string; state: string; model?: string; version?: string; summary?: string | null; message?: string | null; features?: string[];
  silenced?: boolean; started_ms: number; updated_ms?: number; ended_ms?: number | null; acknowledged_by?: string | null; note?: string | null;
}
export interface AlertBoard {
  rules: { alert: string; expr: string; severity?: string }[]; states: { alert: string; state: string; since_ms?: number | null; message?: string | null }[]; items: Alert[];
  silences: { id: string; alert?: string | null; until_ms: number; actor?: string; reason?: string | null }[];
}
export interface Realised { n: number; labelled: number; coverage: Maybe; rmse: Maybe; rmse_low: Maybe; rmse_high: Maybe; mae: Maybe; bias: Maybe }
export interface Window {
  start_ms: number; end_ms: number; model: string; version: string; judged_ms?: number; state: string; has_reference?: boolean; requests: number; errors: number; rows: number; gap_ms?: number;
  drifted?: number; warnings?: number; findings?: number; realised?: Realised; states?: string; levels?: string; feature_state?: string | null; score?: Maybe; level?: Maybe;
}
export interface WindowList { window_ms: number; versions: { model: string; version: string; features: { name: string; kind: string; output: boolean }[] }[]; windows: Window[] }
export interface ReferenceError { rows?: number; features?: number; n: number; rmse: Maybe; rmse_low: Maybe; rmse_high: Maybe; mae: Maybe; bias: Maybe }
export interface Monitor {
  endpoint: string; model: string; version: string; state: string; reference: ReferenceError | null; window_ms: number; last_turn_ms?: number; problem?: string | null;
  open?: { start_ms: number; rows: number }; log?: Record<string, number>; newest?: Window | null;
}
export interface DriftTest { state: string; statistic: Maybe; threshold: Maybe; p: Maybe; p_adjusted: Maybe; effect: Maybe; cells?: number }
export interface Feature {
  name: string; kind: string; output: boolean; edges: number[]; names: string[]; reference: { counts: number[]; n: number; missing: number; mean: Maybe; sd: Maybe; min: Maybe; max: Maybe };
  window: { start_ms: number; end_ms: number; model: string; version: string; counts: number[]; n: number; missing: number; bad: number; mean: Maybe; missing_ratio: Maybe; out_of_range: Maybe; unseen: Maybe };
  state: string; method: string; tests: Record<string, DriftTest>; findings: string[];
}
export interface PerformanceWindow extends Realised { start_ms: number; end_ms: number; model: string; version: string; judged_ms?: number }
export interface Performance { reference: ReferenceError | null; windows: PerformanceWindow[] }
export interface StoryEvent { seq: number; time_ms: number; kind: string; actor: string; reason?: string | null; before?: unknown; after?: Record<string, unknown> | null }
export interface Attempt { id: string; trigger: string; alert_id?: string | null; started_ms: number; ended_ms?: number | null; state: string; reason?: string | null; run_id?: string | null; version?: string | null; rows?: number }
export interface LoopState {
  policy: Record<string, unknown> | null; frozen: boolean; frozen_reason?: string | null; frozen_by?: string | null; frozen_ms?: number | null;
  held: { trigger: string; reason: string; since_ms?: number | null }[]; attempts: Attempt[]; rollout?: Rollout | null;
}

/* What each page asks for: one GET /api/v1/view/PAGE whose keys are the answers of the matching GETs. */
export interface Views {
  home: { status: Status; audit?: Page<AuditEvent> };
  runs: { table: RunTable; experiments?: Page<Experiment> };
  run: { run: Run };
  compare: { compare: CompareTable };
  models: { models: Page<Model> };
  model: { model: Model };
  version: { version: Version; model?: Model };
  endpoints: { endpoints: Page<Endpoint> };
  endpoint: { endpoint: Endpoint; model?: Model; rollout?: RolloutAnswer };
  monitor: { monitor: Monitor; windows: WindowList; alerts?: AlertBoard };
  feature: { feature: Feature; windows?: WindowList };
  performance: { performance: Performance; story?: { items: StoryEvent[] } };
  story: { story: { items: StoryEvent[] }; loop?: LoopState; alerts?: AlertBoard };
  alerts: { open: { items: Alert[] }; all?: { items: Alert[] } };
  datasets: { datasets: Page<Dataset> };
  dataset: { dataset: Dataset };
  audit: { audit: Page<AuditEvent> };
  experiments: { experiments: Page<Experiment> };
  trash: { trash: Page<TrashItem> };
}
export type ViewName = keyof Views;
