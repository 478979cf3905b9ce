// SPDX-License-Identifier: Apache-2.0
// A stand-in for the server, for work on the page and for states that a demo does not have: nothing
// there yet, thousands of runs, errors. Answers are shaped as the native REST API's. Never shipped.
// The page comes from the last build of the binary, or from --out.
//   node tests/browser/mock.mjs [--port 5055] [--state typical|empty|huge|error] [--out web/out]
import { createServer } from 'node:http';
import { readFileSync } from 'node:fs';
import { dirname, extname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const CSP = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; connect-src 'self'; font-src 'self'; frame-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'";
const root = join(dirname(fileURLToPath(import.meta.url)), '../..');
const pageDir = join(root, process.env.SLIPWAY_WEB_OUT ?? 'build/src/api/ui/ui_web');

/* The same numbers at every start. */
let seed = 42;
const rand = () => ((seed = (seed * 1664525 + 1013904223) >>> 0) / 4294967296);
const normal = () => Math.sqrt(-2 * Math.log(rand() + 1e-12)) * Math.cos(2 * Math.PI * rand());
const hex = (n) => Array.from({ length: n }, () => Math.floor(rand() * 16).toString(16)).join('');
const T0 = Date.now(), names = ['age', 'sex', 'bmi', 'bp', 's1', 's2', 's3', 's4', 's5', 's6'];
const ci = (v, w) => ({ value: v, low: v - w, high: v + w });
const metrics = (k) => ({ rmse: ci(54.1 * k, 4), mae: ci(43.2 * k, 3), r2: ci(0.48 / k, 0.06), medae: ci(36.9 * k, 4), max_error: ci(150 * k, 20), mape: ci(0.38 * k, 0.05), n: { value: 89 } });
const digest = hex(64), dataDigest = hex(64);

const columns = [...names, 'target'].map((name) => {
  const counts = Array.from({ length: name === 'sex' ? 2 : 20 }, (_, i) => Math.round(60 * Math.exp(-(((i - 9) / 5) ** 2)) + rand() * 8 + (name === 'sex' ? 200 : 0)));
  const mean = { age: 48.5, bmi: 26.4, bp: 94.6, target: 152.1 }[name] ?? 100;
  return { name, type: name === 'age' ? 'integer' : 'number', role: name === 'target' ? 'target' : 'feature', missing: name === 's3' ? 7 : 0, distinct: 20 + Math.floor(rand() * 200), min: mean * 0.3, max: mean * 2, mean, sd: mean / 5,
    quantiles: [0.3, 0.6, 0.8, 1, 1.2, 1.5, 2].map((q) => q * mean), histogram: { edges: counts.map((_, i) => mean * 0.3 + i).concat(mean * 2), counts }, top: null };
});
columns.push({ name: 'clinic', type: 'string', role: 'feature', missing: 0, distinct: 3, histogram: null, top: [{ value: 'north', count: 210 }, { value: 'south', count: 150 }, { value: 'a very long clinic name', count: 82 }] });
const fitted = Array.from({ length: 353 }, () => 150 + 60 * normal()), residual = fitted.map(() => 54 * normal());
const sample = [...residual].sort((a, b) => a - b).filter((_, i) => i % 2 === 0);
const coefficients = ['(intercept)', ...names].map((name, i) => { const e = i ? 300 * normal() : 152.3, se = 30 + 100 * rand(); return { name, estimate: e, se, t: e / se, p: Math.min(1, Math.exp(-Math.abs(e / se) * 1.2)), low: e - 2 * se, high: e + 2 * se, vif: i ? (i === 5 ? 59.2 : 1 + 4 * rand()) : null }; });
const fit = { n: 353, p: 11, rank: 11, method: 'cholesky', r2: 0.518, adj_r2: 0.507, sigma: 54.15, f: 46.27, f_p: 3.8e-62, aic: 4793.9, bic: 4839, condition: 227.2, durbin_watson: 2.03, collinear: [] };
const signature = { inputs: [...names.map((name) => ({ name, type: 'double', required: true })), { name: 'clinic', type: 'string', required: false }], outputs: [{ name: 'target', type: 'double' }] };
const input_example = { age: 59, sex: 2, bmi: 32.1, bp: 101, s1: 157, s2: 93.2, s3: 38, s4: 4, s5: 4.8598, s6: 87, clinic: 'north' };
const gates = (bad) => [
  { expr: 'rmse <= 60', passed: !bad, values: { rmse: bad ? 71.3 : 54.1 }, message: bad ? 'rmse 71.3 > 60' : 'rmse 54.1 ≤ 60', line: 31, column: 9 },
  { expr: 'rmse <= (champion.rmse ?? inf) * 1.02', passed: !bad, values: { rmse: 54.1, 'champion.rmse': 54.6 }, message: 'rmse 54.1 ≤ 55.692', line: 32, column: 9 },
  { expr: 'r2 >= baseline.r2 + 0.2', passed: true, values: { r2: 0.48, 'baseline.r2': -0.01 }, message: 'r2 0.48 ≥ 0.19', line: 33, column: 9 },
];
const stages = (bad) => [
  { name: 'diabetes', kind: 'data', state: 'skipped', why: 'nothing changed', ms: 0.4, rows_in: null, rows_out: 442 },
  { name: 'clean', kind: 'do', state: 'success', why: 'params.alpha 0.1 → 0.2', ms: 12.3, rows_in: 442, rows_out: 440 },
  { name: 'split', kind: 'split', state: 'success', why: 'clean changed', ms: 1.1, rows_in: 440, rows_out: 440 },
  { name: 'train', kind: 'model', state: 'success', why: 'split changed', ms: 31.9, rows_in: 353, rows_out: null },
  { name: 'validate', kind: 'gates', state: bad ? 'failed' : 'success', why: 'train changed', ms: 2.2, rows_in: 89, rows_out: null, message: bad ? 'rmse 71.3 > 60' : null },
];
const environment = { slipway: '0.1.0', duckdb: '1.4.1', cpu: 'x86-64 avx2 fma', os: 'Debian GNU/Linux 12' };
const code = { commit: hex(40), dirty: null, command: 'slipway run -p alpha=0.2' };

function run(i, n) {
  const status = i === 0 ? 'RUNNING' : i % 7 === 3 ? 'FAILED' : 'FINISHED', ok = status === 'FINISHED', m = metrics(1 + 0.02 * normal());
  return { run_id: hex(32), experiment_id: '0', experiment: 'diabetes', name: `calm-${['hull', 'keel', 'mast', 'bow', 'stern'][i % 5]}-${n - i}`, status, status_reason: status === 'FAILED' ? 'gate rmse <= 60 did not pass: rmse 71.3 > 60' : null, user: 'root',
    start_time_ms: T0 - i * 3.7e6 - 4000, end_time_ms: status === 'RUNNING' ? null : T0 - i * 3.7e6, duration_ms: status === 'RUNNING' ? null : 380 + 200 * rand(), params: { alpha: String([0.1, 0.2, 1][i % 3]), model: 'ridge' },
    metrics: status === 'RUNNING' ? {} : Object.fromEntries(Object.entries(m).map(([k, v]) => [k, v.value])), tags: { team: 'risk' }, model_versions: ok && i < 6 ? [{ name: 'diabetes', version: String(Math.max(1, 4 - i)) }] : [], dataset: { name: 'diabetes', digest: dataDigest }, attempt: 1 };
}

function version(v) {
  return { name: 'diabetes', version: v, status: 'READY', creation_time_ms: T0 - (5 - Number(v)) * 8.6e6, run_id: hex(32), digest, source: '', description: v === '2' ? 'Ridge with a little more penalty' : '', aliases: v === '2' ? ['champion'] : [], tags: {}, stage: 'None', family: v === '1' ? 'linear_regression' : 'ridge',
    metrics: Object.fromEntries(Object.entries(metrics(1 + Number(v) / 200))), endpoints: v === '2' ? ['diabetes'] : [], gates: gates(v === '4') };
}
function versionDetail(v) {
  const lineage = { nodes: [{ id: 'data/diabetes@' + dataDigest.slice(0, 8), kind: 'data', label: 'diabetes @' + dataDigest.slice(0, 8), href: '/datasets/diabetes' }, { id: 'run/4f2a91c0', kind: 'run', label: 'calm-keel-3', href: '/runs/4f2a91c0' }, { id: `model/diabetes:${v}`, kind: 'model', label: `diabetes:${v}`, href: `/models/diabetes/${v}` }, { id: 'endpoint/diabetes', kind: 'endpoint', label: 'diabetes', href: '/endpoints/diabetes' }],
    edges: [['data/diabetes@' + dataDigest.slice(0, 8), 'run/4f2a91c0'], ['run/4f2a91c0', `model/diabetes:${v}`], [`model/diabetes:${v}`, 'endpoint/diabetes']] };
  return { ...version(v), signature, dataset: dataset(), code, params: { alpha: '0.2' }, environment, seed: 1, comparison: { champion_version: '1', metric: 'rmse', difference: { value: -0.52, low: -1.4, high: 0.31, p: 0.21 }, better: false }, coefficients, fit, residuals: { fitted, residual, leverage: fitted.map(() => rand() / 20), qq: { theoretical: sample.map((_, i) => -2.8 + (5.6 * i) / sample.length), sample } },
    slices: [['sex', '1', 47], ['sex', '2', 42], ['clinic', 'north', 40], ['clinic', 'south', 22]].map(([column, value, n]) => ({ column, value, n, rmse: 50 + 10 * rand(), mae: 40 + 8 * rand(), bias: 5 * normal() })),
    facts: [{ id: '1', name: 'gate.rmse', value: true, producer: 'run:4f2a91c0', time_ms: T0 - 9e6 }], files: [{ path: 'MLmodel', bytes: 512, sha256: hex(64) }, { path: 'model.onnx', bytes: 2211, sha256: digest }], lineage, predictor: { kind: 'linear', bytes: 704 }, input_example, training_means: {} };
}
const dataset = () => ({ name: 'diabetes', digest: dataDigest, creation_time_ms: T0 - 3e7, rows: 442, columns_n: columns.length, files: [{ path: 'data/diabetes.csv', bytes: 23628, sha256: hex(64) }], versions: [{ digest: dataDigest, rows: 442, creation_time_ms: T0 - 3e7 }, { digest: hex(64), rows: 441, creation_time_ms: T0 - 6e7 }], columns, warnings: ["column 's3' has 7 missing values (1.6 %)"], target: 'target', key: null, used_by: { runs: [hex(32), hex(32)], models: ['diabetes:1', 'diabetes:2'] } });
let served = '2';
const history = [{ version: '1', time_ms: T0 - 8e7, actor: 'user:root', action: 'deploy', reason: null }, { version: '2', time_ms: T0 - 3e7, actor: 'user:root', action: 'promote', reason: 'lower error on the test part' }];
const endpoint = (name = 'diabetes') => ({ name, model: 'diabetes', version: served, serving_version: served, state: 'ready', state_reason: null, url: '/v1/models/diabetes:predict', previous_version: served === '1' ? '2' : '1', creation_time_ms: T0 - 8e7, last_update_time_ms: T0 - 3e7, history, signature, input_example,
  traffic: [{ version: '1', requests: 18231, errors: 0, rate: 0, p50_ms: 0.11, p90_ms: 0.2, p99_ms: 0.43, mean_prediction: 151.2 }, { version: '2', requests: 94123, errors: 12, rate: 412, p50_ms: 0.09, p90_ms: 0.17, p99_ms: 0.38, mean_prediction: 152.9 }],
  series: { versions: ['1', '2'].map((version) => ({ version, requests: Array.from({ length: 60 }, (_, i) => (version === '1') === i < 25 ? Math.round(400 + 40 * Math.random()) : 0), errors: Array(60).fill(0), p99_ms: Array.from({ length: 60 }, (_, i) => ((version === '1') === i < 25 ? 0.3 + 0.1 * Math.random() : null)) })), t_ms: Array.from({ length: 60 }, (_, i) => Math.floor(Date.now() / 1000) * 1000 - (59 - i) * 1000), requests: Array.from({ length: 60 }, (_, i) => Math.round(400 + 60 * Math.sin(i / 6) + 30 * Math.random())), errors: Array.from({ length: 60 }, (_, i) => (i === 30 ? 12 : 0)), p99_ms: Array.from({ length: 60 }, () => 0.3 + 0.1 * Math.random()) } });
const events = [['endpoint.promoted', 'endpoint/diabetes', { version: '1' }, { version: '2' }, 'lower error on the test part'], ['model_version.created', 'model/diabetes:2', null, { version: '2', run_id: hex(32), digest }, null], ['run.finished', 'run/' + hex(32), { status: 'RUNNING' }, { status: 'FINISHED' }, null], ['run.failed', 'run/' + hex(32), { status: 'RUNNING' }, { status: 'FAILED' }, 'gate rmse <= 60 did not pass'], ['endpoint.deployed', 'endpoint/diabetes', null, { version: '1', model: 'diabetes' }, null], ['dataset.created', 'data/diabetes@' + dataDigest, null, { rows: 442 }, null]]
  .map(([kind, subject, before, after, reason], i) => ({ seq: 40 - i, id: hex(32), time_ms: T0 - i * 5e6, actor: 'user:root', kind, subject, before, after, reason, request_id: hex(32) }));
const model = () => ({ name: 'diabetes', description: 'Disease progression after one year', creation_time_ms: T0 - 8e7, last_update_time_ms: T0 - 3e7, latest_version: '4', version_count: 4, aliases: { champion: served }, endpoints: ['diabetes'], tags: {}, versions: ['4', '3', '2', '1'].map(version) });
const prompt = () => ({ name: 'greeting', description: 'Says hello', creation_time_ms: T0 - 8e7, last_update_time_ms: T0 - 3e7, latest_version: '2', version_count: 2, aliases: { production: '1' }, endpoints: [], tags: { 'mlflow.prompt.is_prompt': 'true' }, versions: ['2', '1'].map((v) => ({ name: 'greeting', version: v, creation_time_ms: T0 - 4e7, aliases: v === '1' ? ['production'] : [], tags: { 'mlflow.prompt.text': `Hello {{ name }}, version ${v} speaks {{language}}.` } })) });
const none = { items: [], next_page_token: null };

function makeRuns() {
  return Array.from({ length: 24 }, (_, i) => run(i, 24));
}
let runs = [];

/* ---- runs by columns: 24 of them, or 100,000 × 1,000 made on demand ---- */
const HUGE_RUNS = 100_000, HUGE_METRICS = 1000;
const hash = (a, b) => { let h = (a * 2654435761 + b * 40503) >>> 0; h ^= h >>> 15; h = Math.imul(h, 2246822519) >>> 0; return ((h ^ (h >>> 13)) >>> 0) / 4294967296; };
const hugeId = (i) => (0x10000000 + i).toString(16) + '0'.repeat(24);
function hugeValue(i, c) {
  if (c === 'name') return `run-${i}`;
  if (c === 'status') return ['FINISHED', 'FAILED', 'RUNNING'][i % 3];
  if (c === 'start_time') return T0 - i * 60_000;
  if (c === 'duration') return 1000 + (i % 977);
  if (c === 'user') return 'root';
  const m = /^(metrics|metrics_min|metrics_max)\.m(\d+)$/.exec(c);
  if (m) return hash(i, Number(m[2])) * 100 + (m[1] === 'metrics_max' ? 100 : 0);
  if (c === 'params.alpha') return String(i % 5);
  return null;
}
function smallValue(r, c) {
  const at = c.indexOf('.'), entity = c.slice(0, at), key = c.slice(at + 1);
  if (entity.startsWith('metrics')) return r.metrics[key] ?? null;
  if (entity === 'params') return r.params[key] ?? null;
  if (entity === 'tags') return r.tags[key] ?? null;
  if (c === 'start_time') return r.start_time_ms;
  if (c === 'duration') return r.duration_ms;
  if (c === 'model_versions') return r.model_versions.map((v) => `${v.name}:${v.version}`);
  if (entity === 'dataset') return r.dataset[key];
  return r[c] ?? null;
}
const artifacts = {
  'README.md': '# Report\n\nThe model is **good**, see [docs](https://example.invalid/x) and [bad](javascript:alert(1)).\n\n- one\n- two `code`\n\n| a | b |\n|---|---|\n| 1 | 2 |\n\n<script>document.title = "owned"</script>\n\n![x](https://example.invalid/a.png)\n',
  'big.txt': 'x'.repeat(1000), 'data/table.csv': `name,value\n"a, b",1\n${Array.from({ length: 500 }, (_, i) => `row ${i},${i * 1.5}`).join('\n')}\n`, 'data/conf.json': JSON.stringify({ alpha: 0.5, list: Array.from({ length: 300 }, (_, i) => i), deep: { a: { b: null } } }),
  'plots/curve.svg': '<svg xmlns="http://www.w3.org/2000/svg" width="200" height="100"><path d="M0 100L200 0" stroke="teal"/></svg>', 'plots/page.html': '<p id="p">before</p><script>let out = "ran"; try { parent.document.title = "owned"; out = "escaped"; } catch { out += " kept in"; } fetch("/api/v1/status").then(() => { p.textContent = "reached"; }, () => { p.textContent = out; });</script>', 'model.pkl': 'bytes', 'data/rows.parquet': 'PAR1', 'log.txt': 'one\ntwo\n',
};
const orders = new Map();
function runTable(q, state) {
  if ((q.get('filter') ?? '').includes('wrong')) throw { status: 400, code: 'INVALID', message: "1:1: unknown name 'wrong'; did you mean 'run'?" };
  const huge = state === 'huge', none = state === 'empty' || q.get('filter') === 'none', value = huge ? hugeValue : (i, c) => smallValue(runs[i], c);
  const n = none ? 0 : huge ? HUGE_RUNS : runs.length, offset = Number(q.get('offset') ?? 0), limit = Number(q.get('limit') ?? 100);
  const m = /^`?(.*?)`?(?:\s+(desc|asc))?$/i.exec(q.get('order_by') ?? '') ?? [], by = (m[1] ?? '').replaceAll('`', ''), key = `${state}${by}${m[2]}`;
  if (!orders.has(key)) {
    const list = Array.from({ length: n }, (_, i) => i);
    if (by) { const v = list.map((i) => value(i, by)), sign = (m[2] ?? '').toLowerCase() === 'desc' ? -1 : 1; list.sort((x, y) => sign * (v[x] < v[y] ? -1 : v[x] > v[y] ? 1 : 0)); }
    orders.set(key, list);
  }
  const rows = none ? [] : orders.get(key).slice(offset, offset + limit), metrics = huge ? Array.from({ length: HUGE_METRICS }, (_, i) => `m${i}`) : Object.keys(runs[1]?.metrics ?? {}), params = huge ? ['alpha'] : ['alpha', 'model'];
  const names = q.get('columns')?.split(',').filter(Boolean) ?? ['name', 'status', 'start_time', 'duration', 'experiment', ...metrics.slice(0, 4).map((k) => `metrics.${k}`), ...params.map((k) => `params.${k}`), 'dataset.name', 'model_versions'];
  return { total: n, offset, run_ids: rows.map((i) => (huge ? hugeId(i) : runs[i].run_id)), columns: names.map((name) => ({ name, type: name === 'model_versions' ? 'versions' : /^metrics|start|duration/.test(name) ? 'number' : 'text', values: rows.map((i) => (huge && name === 'model_versions' ? [] : value(i, name))) })), ...(q.get('keys') || q.get('view') ? { keys: { metrics, params, tags: huge ? [] : ['team'] } } : {}) };
}

const trash = [
  { kind: 'experiment', ref: 'experiment/7', name: 'churn', run_count: 12, deleted_time_ms: T0 - 3e6 }, { kind: 'run', ref: `run/${hex(32)}`, name: 'calm-keel-3', experiment: 'diabetes', deleted_time_ms: T0 - 9e6 },
  { kind: 'model', ref: 'model/old-model', name: 'old-model', version_count: 3, deleted_time_ms: T0 - 2e7 }, { kind: 'version', ref: 'model/diabetes:3', name: 'diabetes', deleted_time_ms: T0 - 4e7 }];
const experiments = [{ experiment_id: '0', name: 'Default', run_count: 0, creation_time_ms: T0 - 9e7, last_update_time_ms: T0 - 9e7, artifact_location: 'mlflow-artifacts:/0', tags: {} }, { experiment_id: '1', name: 'diabetes', run_count: 24, creation_time_ms: T0 - 8e7, last_update_time_ms: T0 - 1e6, artifact_location: 'mlflow-artifacts:/1', tags: { 'mlflow.note.content': 'Progression after one year' } }];
let saved = [];

/* ---- watching: an endpoint whose bmi drifted, that was retrained, with a rollout under way ---- */
const HOUR = 3_600_000, NOW = Math.floor(T0 / HOUR) * HOUR, featureNames = (state) => (state === 'huge' ? Array.from({ length: 200 }, (_, i) => `feature_${i}`) : [...names, 'clinic', 'prediction']);
function windowList(q, state) {
  const n = state === 'empty' ? 0 : Math.min(state === 'huge' ? 8760 : 300, Number(q.get('limit') ?? 300)), fs = featureNames(state), one = q.get('feature');
  const windows = Array.from({ length: n }, (_, i) => {
    const start = NOW - (n - i) * HOUR, version = i > n * 0.7 ? '2' : '1', bad = i > n * 0.55 && i < n * 0.7, few = i % 37 === 5;
    const lv = fs.map((f, k) => (few ? -1 : (bad && (f === 'bmi' || f === 'bp' || f === 'prediction' || k % 50 === 3) ? 1.4 : 0.1) + hash(i, k) * 0.8)), state4 = lv.map((l) => (l < 0 ? 'i' : l >= 1 ? 'd' : l > 0.88 ? 'w' : 'o'));
    const base = { start_ms: start, end_ms: start + HOUR, model: 'diabetes', version, judged_ms: start + 2.5 * HOUR, state: bad ? 'drifted' : few ? 'insufficient_data' : 'ok', has_reference: true, requests: few ? 9 : 1200, errors: 0, rows: few ? 9 : 1200, gap_ms: 0, drifted: state4.filter((x) => x === 'd').length, warnings: 0, findings: 0, realised: realised(i, n, few) };
    const k = fs.indexOf(one);
    return one ? { ...base, feature_state: { i: 'insufficient_data', o: 'ok', w: 'warning', d: 'drifted' }[state4[k]] ?? null, score: lv[k] < 0 ? 'NaN' : lv[k] * 0.2, level: lv[k] < 0 ? 'NaN' : lv[k] } : { ...base, states: state4.join(''), levels: lv.map((l) => (l < 0 ? '-' : Math.min(35, Math.floor(l * 10)).toString(36))).join('') };
  });
  return { window_ms: HOUR, versions: n ? ['1', '2'].map((version) => ({ model: 'diabetes', version, features: fs.map((name) => ({ name, kind: name === 'clinic' ? 'category' : 'number', output: name === 'prediction' })) })) : [], windows };
}
function realised(i, n, few) {
  const bad = i > n * 0.6 && i < n * 0.7, late = i > n - 6, labelled = few ? 4 : late ? 1200 - (i - n + 6) * 240 : 1150, rmse = (bad ? 92 : 54) + 6 * (hash(i, 9) - 0.5);
  return { n: few ? 9 : 1200, labelled, coverage: labelled / (few ? 9 : 1200), rmse: labelled ? rmse : 'NaN', rmse_low: few ? 'NaN' : rmse - 4, rmse_high: few ? 'NaN' : rmse + 4, mae: rmse * 0.8, bias: bad ? -30 : 0.4 };
}
const reference = { rows: 320, features: 12, n: 81, rmse: 53.2, rmse_low: 47.1, rmse_high: 60.4, mae: 42, bias: -1.1 };
let alerts = [];
const makeAlerts = () => [
  { id: '01a210cc-13ac-7000-b568-f9866d0bb347', endpoint: 'diabetes', alert: 'Decay', severity: 'critical', state: 'firing', model: 'diabetes', version: '1', summary: 'The realised error is above that of the evaluation', message: 'rmse_low 88.1 > reference.rmse_high 60.4', features: [], started_ms: T0 - 4e6, ended_ms: null, acknowledged_by: null, note: null },
  { id: '01a210cc-0fc2-7000-9a30-cfd58d0003ee', endpoint: 'diabetes', alert: 'FeatureDrift', severity: 'warning', state: 'firing', model: 'diabetes', version: '1', summary: 'Inputs are no longer distributed as in training', message: 'drift.features 2 > 0', features: ['bmi', 'bp', 'prediction'], started_ms: T0 - 5e6, ended_ms: null, acknowledged_by: null, note: null },
  { id: '01a210cb-0fc2-7000-9a30-cfd58d0003ee', endpoint: 'diabetes', alert: 'DataQuality', severity: 'critical', state: 'resolved', model: 'diabetes', version: '1', summary: 'What comes in is broken', message: 'quality.severe 0 ≤ 0', features: ['clinic'], started_ms: T0 - 9e7, ended_ms: T0 - 8.8e7, acknowledged_by: 'user:ana', note: 'the upstream job was late' }];
const rules = ['error_rate_low > champion.error_rate + 0.005', 'p90_ms > champion.p90_ms * 1.5 + 1', 'rmse_low > champion.rmse_high'];
let rolloutState = 'running';
const rollout = () => ({ rollout: { id: '01a210cc-4e8b-7000-b410-0250e12bda39', endpoint: 'diabetes', model: 'diabetes', champion: '2', candidate: '3', state: rolloutState, stage: 'canary', step: 2, steps: 3, percent: 25, step_requests: 1420, step_requests_wanted: 3000, step_ends_ms: Date.now() + 95_000, recent_breaches: 1, started_ms: T0 - 4e5, step_started_ms: T0 - 1e5, updated_ms: T0, ended_ms: /promoted|rolled_back/.test(rolloutState) ? T0 : null, actor: 'trigger:alert Decay', reason: '25 % of the requests: no rule held over 612 requests', strategy: { shadow: 200, canary: [5, 25, 100], every: '120s', min_requests: 3000, check: '30s', abort: rules, automatic: true } },
  checks: Array.from({ length: 9 }, (_, i) => ({ time_ms: T0 - i * 30_000, step: 2, requests: 160, verdict: i === 2 ? 'breach' : 'ok', detail: { values: { requests: 160, 'champion.requests': 480, error_rate: 0.00625, 'champion.error_rate': 0.002, p90_ms: 0.31, 'champion.p90_ms': 0.29, p99_ms: 0.61, 'champion.p99_ms': 0.5, mean: 153.1, 'champion.mean': 152.2, psi: 'NaN' }, rules: rules.map((rule, k) => ({ rule, breached: k === 2 ? null : i === 2 && k === 1, message: k === 2 ? 'cannot be computed: rmse_low has no value' : `${rule.split(' ')[0]} 0.002 ≤ 0.007` })) } })) });
const story = () => ({ items: [['rollout.step', { version: '3' }, '25 % of the requests: no rule held over 612 requests', 1e5], ['rollout.started', { version: '3' }, 'version 3 passed its gates and is brought in', 4e5], ['trigger.training', { run: hex(32) }, 'alert Decay: rmse_low 88.1 > reference.rmse_high 60.4', 9e5], ['trigger.fired', {}, 'alert Decay: rmse_low 88.1 > reference.rmse_high 60.4', 9.1e5], ['alert.firing', { alert: 'Decay', severity: 'critical', features: null }, 'rmse_low 88.1 > reference.rmse_high 60.4', 4e6], ['alert.firing', { alert: 'FeatureDrift', features: '["bmi","bp","prediction"]' }, 'drift.features 2 > 0', 5e6], ['rollout.rolled_back', { version: '4' }, 'error_rate_low 0.031 > champion.error_rate + 0.005 = 0.0052', 6e7], ['endpoint.promoted', { version: '2', model: 'diabetes' }, 'lower error on the test part', 3e8], ['endpoint.created', { version: '1', model: 'diabetes' }, null, 9e8]]
  .map(([kind, after, reason, before], i) => ({ seq: 90 - i, time_ms: T0 - before, kind, actor: kind.startsWith('trigger') ? 'trigger:alert Decay' : 'system', reason, before: null, after })) });
let frozen = false;
const loop = () => ({ policy: { triggers: [{ alert: 'Decay', cooldown: '6h' }, { labels: 1000 }] }, frozen, frozen_reason: frozen ? 'audit week' : null, frozen_by: frozen ? 'user:ana' : null, frozen_ms: frozen ? T0 : null, held: [{ trigger: 'alert Decay', reason: 'a rollout is under way', since_ms: T0 - 4e5 }, { trigger: '1000 labels', reason: 'fewer than 1000 labelled rows since 2026-11-24T03:42:16.000Z', since_ms: T0 - 9e6 }],
  attempts: [{ id: hex(32), trigger: 'alert Decay', alert_id: hex(32), started_ms: T0 - 9.1e5, ended_ms: null, state: 'rollout', reason: 'version 3 passed its gates and is brought in', run_id: hex(32), version: '3', rows: 4120 }, { id: hex(32), trigger: '1000 labels', started_ms: T0 - 7e7, ended_ms: T0 - 6.9e7, state: 'refused', reason: 'refused by validate: rmse 71.3 > 60', run_id: hex(32), version: null, rows: 1004 }], rollout: rollout().rollout });
const board = () => ({ rules: [{ alert: 'FeatureDrift', expr: 'drift.features > 0', severity: 'warning' }, { alert: 'Decay', expr: 'rmse_low > reference.rmse_high', severity: 'critical' }], states: [{ alert: 'FeatureDrift', state: 'firing', since_ms: T0 - 5e6, message: 'drift.features 2 > 0' }, { alert: 'Decay', state: 'firing', since_ms: T0 - 4e6, message: 'rmse_low 88.1 > reference.rmse_high 60.4' }], items: alerts, silences: [{ id: hex(32), alert: 'FeatureDrift', until_ms: T0 + 7e6, actor: 'user:ana', reason: 'planned load test' }] });
function feature(q) {
  const name = q.get('feature'), category = name === 'clinic', drifted = name === 'bmi', counts = Array.from({ length: category ? 4 : 22 }, (_, i) => (category ? [210, 150, 82, 0][i] : i === 0 || i === 21 ? 0 : 16)), test = (statistic, threshold) => ({ state: drifted ? 'drifted' : 'ok', statistic: drifted ? statistic * 4 : statistic, threshold, p: drifted ? 1e-9 : 0.42, p_adjusted: drifted ? 1e-8 : 1, effect: statistic, cells: 10 });
  return { name, kind: category ? 'category' : 'number', output: name === 'prediction', edges: category ? [] : Array.from({ length: 21 }, (_, i) => 18 + i * 1.1), names: category ? ['north', 'south', 'a very long clinic name'] : [], reference: { counts, n: 320, missing: 7, mean: category ? 'NaN' : 26.2, sd: category ? 'NaN' : 4.4, min: 18, max: 41 },
    window: { start_ms: Number(q.get('at') ?? NOW - HOUR), end_ms: Number(q.get('at') ?? NOW - HOUR) + HOUR, model: 'diabetes', version: '2', counts: counts.map((c, i) => Math.round((drifted ? (i / counts.length) * 2 * (c + 6) : c) * (0.8 + hash(i, 3) * 0.4))), n: 1200, missing: 30, bad: 0, mean: category ? 'NaN' : 27.9, missing_ratio: 0.025, out_of_range: category ? 'NaN' : 0.04, unseen: category ? 0.01 : 'NaN' },
    state: drifted ? 'drifted' : 'ok', method: category ? 'chi2' : 'psi', tests: category ? { chi2: test(4.1, 7.8), js: test(0.03, 0.1) } : { psi: test(0.09, 0.2), js: test(0.05, 0.16), ks: test(0.05, 0.14), w1: test(0.08, 0.23) }, findings: drifted ? ["'bmi': 4 % of the values lie outside the range of the reference"] : [] };
}
function watched(page, q, state) {
  const list = () => windowList(q, state);
  switch (page) {
    case 'alerts': return { open: { items: state === 'empty' ? [] : alerts.filter((a) => !a.ended_ms) }, all: { items: state === 'empty' ? [] : alerts } };
    case 'monitor': { const windows = list(), newest = windows.windows.at(-1) ?? null; return { monitor: { endpoint: q.get('name'), model: 'diabetes', version: '2', state: newest ? 'drifted' : 'insufficient_data', reference: newest ? reference : null, window_ms: HOUR, last_turn_ms: T0, problem: null, open: { start_ms: NOW, rows: 3 }, log: { predictions: 9, dropped: 0, labels: 41_000 }, newest }, windows, alerts: board() }; }
    case 'feature': return { feature: feature(q), windows: list() };
    case 'performance': return { performance: { reference: state === 'empty' ? null : reference, windows: list().windows.map((w) => ({ start_ms: w.start_ms, end_ms: w.end_ms, model: w.model, version: w.version, judged_ms: w.judged_ms, ...w.realised })) }, story: state === 'empty' ? { items: [] } : story() };
    case 'story': return state === 'empty' ? { story: { items: [] }, loop: { policy: null, frozen: false, held: [], attempts: [] } } : { story: story(), loop: loop(), alerts: board() };
    default: return null;
  }
}

function view(page, q, state) {
  if (state === 'error') throw { status: 500, code: 'INTERNAL', message: "cannot read 'slipway.db': disk I/O error", hint: 'run slipway doctor' };
  const empty = state === 'empty';
  if (page === 'home') return { status: { data_dir: '/home/ana/diabetes/.slipway', server: { pid: 1, url: '', started_ms: T0 }, endpoints: empty ? [] : [endpoint()], running: empty ? [] : runs.slice(0, 1), recent: empty ? [] : runs.slice(1, 10), models: empty ? [] : [model()], needs: empty ? [] : [{ kind: 'run_failed', text: 'the newest run failed: refused by validate: rmse 71.3 > 60', ref: `run/${runs[3].run_id}`, command: `slipway exp show run/${runs[3].run_id.slice(0, 8)}` }] }, audit: empty ? none : { items: events } };
  if (page === 'runs-table') {
    q.set('view', '1');
    return { table: runTable(q, state), experiments: { items: experiments } };
  }
  if (page === 'run') {
    const r = runs.find((x) => x.run_id.startsWith(q.get('id'))) ?? runs[1], bad = r.status === 'FAILED';
    return { run: { ...r, stages: stages(bad), code, environment, artifact_uri: '', result: { state: bad ? 'refused' : 'finished', error: bad ? { code: 'FAILED', message: 'gate rmse <= 60 did not pass: rmse 71.3 > 60', stage: 'validate', line: 31 } : null, stages: stages(bad), dataset: dataset(), split: { by: 'hash', seed: 1, train: 353, valid: 0, test: 89 }, gates: gates(bad), metrics: { test: metrics(1), train: metrics(0.98), baseline: { rmse: ci(77.1, 5), mae: ci(65.2, 4), r2: ci(-0.01, 0.01) }, champion: metrics(1.01) }, comparison: { champion_version: '2', metric: 'rmse', difference: { value: -0.5, low: -1.4, high: 0.3, p: 0.2 }, better: false }, slices: versionDetail('2').slices, seed: 1, environment, model: { name: 'diabetes', family: 'ridge', digest, bytes: 2211, signature, coefficients, fit, residuals: versionDetail('2').residuals, input_example } } } };
  }
  if (page === 'compare' && q.get('ids')) {
    const ids = q.get('ids').split(','), num = (i, k) => hash(i, k) * 50;
    return { compare: { columns: ids.map((id, i) => ({ ref: `run/${id}`, label: `run-${i}` })), sections: [{ name: 'params', rows: [{ key: 'alpha', values: ids.map((_, i) => String(i % 5)), differs: true }, ...Array.from({ length: 37 }, (_, k) => ({ key: `fixed.${k}`, values: ids.map(() => 'same'), differs: false }))] },
      { name: 'metrics', rows: [{ key: 'loss', values: ids.map((_, i) => num(i, 1)), differs: true, better: 'low' }, ...Array.from({ length: 99 }, (_, k) => ({ key: `m${k}`, values: ids.map((_, i) => num(i, k)), differs: true }))] }] } };
  }
  if (page === 'compare') return { compare: { columns: [{ ref: 'model/diabetes:1', label: 'diabetes:1' }, { ref: 'model/diabetes:2', label: 'diabetes:2' }], sections: [{ name: 'params', rows: [{ key: 'alpha', values: ['0.1', '0.2'], differs: true }, { key: 'seed', values: ['1', '1'], differs: false }] }, { name: 'metrics', rows: [{ key: 'rmse', values: [54.62, 54.1], differs: true, better: 'low' }, { key: 'r2', values: [0.471, 0.48], differs: true, better: 'high' }, { key: 'n', values: [89, 89], differs: false }] }, { name: 'coefficients', rows: names.map((k) => ({ key: k, values: [100 * normal(), 100 * normal()], differs: true })) }, { name: 'environment', rows: [{ key: 'slipway', values: ['0.1.0', '0.1.0'], differs: false }] }] } };
  if (page === 'models') return { models: empty ? none : { items: [model(), prompt()] } };
  if (page === 'model' && q.get('name') === 'greeting') return { model: prompt() };
  if (page === 'model' && !q.get('version')) return { model: model() };
  if (page === 'model' || page === 'version') return { version: versionDetail(q.get('version')), model: model() };
  if (page === 'trash') return { trash: empty ? none : { items: trash } };
  if (page === 'experiments') return { experiments: { items: experiments } };
  const w = watched(page, q, state);
  if (w) return w;
  if (page === 'endpoints') return { endpoints: empty ? none : { items: [endpoint()] } };
  if (page === 'endpoint') return { endpoint: endpoint(q.get('name')), model: model(), ...(state === 'empty' ? {} : { rollout: rollout() }) };
  if (page === 'datasets') return { datasets: empty ? none : { items: [dataset()] } };
  if (page === 'dataset') return { dataset: dataset() };
  if (page === 'audit') return { audit: empty ? none : { items: events.filter((e) => e.kind.startsWith(q.get('kind') ?? '')), next_page_token: null } };
  throw { status: 404, code: 'NOT_FOUND', message: `no view '${page}'` };
}

function shell(out, cookie) {
  const files = JSON.parse(readFileSync(join(out, 'manifest.json'), 'utf8')).files, of = (role) => Object.keys(files).find((f) => files[f].role === role);
  const lang = /slipway_lang=zh-CN/.test(cookie) ? 'zh-CN' : 'en', theme = /slipway_theme=(light|dark)/.exec(cookie)?.[1];
  return `<!doctype html><html lang="${lang}"${theme ? ` data-theme="${theme}"` : ''}><head><meta charset="utf-8"><meta name="viewport" content="width=device-width,initial-scale=1"><meta name="slipway-base" content=""><title>Slipway</title><link rel="icon" href="data:,"><link rel="stylesheet" href="/assets/${of('style')}"><script type="module" src="/assets/${of('main')}"></script></head><body><div id="app"></div></body></html>`;
}

export function startMock({ port = 0, state = 'typical', out = pageDir } = {}) {
  seed = 42;
  runs = makeRuns(state);
  alerts = makeAlerts();
  rolloutState = 'running';
  frozen = false;
  const server = createServer(async (req, res) => {
    const url = new URL(req.url, 'http://x'), path = url.pathname;
    const json = (status, body) => { res.writeHead(status, { 'content-type': 'application/json', 'x-request-id': '0192-mock' }); res.end(JSON.stringify(body)); };
    let body = '';
    for await (const c of req) body += c;
    try {
      if (path.startsWith('/assets/')) {
        res.writeHead(200, { 'content-type': { '.js': 'text/javascript', '.css': 'text/css' }[extname(path)] ?? 'text/plain' });
        return res.end(readFileSync(join(out, path.slice(8))));
      }
      if (path.startsWith('/api/v1/view/')) return json(200, view(path.slice(13), url.searchParams, state));
      if (path === '/ajax-api/2.0/mlflow/artifacts/list') {
        const dir = url.searchParams.get('path') ?? '';
        return json(200, { root_uri: 'mlflow-artifacts:/0/x/artifacts', files: (state === 'empty' ? [] : Object.keys(artifacts)).filter((f) => (dir ? f.startsWith(`${dir}/`) : true)).map((f) => f.slice(dir ? dir.length + 1 : 0)).map((f) => (f.includes('/') ? { path: (dir ? `${dir}/` : '') + f.split('/')[0], is_dir: true } : { path: (dir ? `${dir}/` : '') + f, is_dir: false, file_size: f === 'big.txt' ? 3_000_000 : artifacts[(dir ? `${dir}/` : '') + f].length })).filter((f, i, l) => l.findIndex((x) => x.path === f.path) === i) });
      }
      if (path === '/get-artifact') {
        const f = url.searchParams.get('path'), body = artifacts[f];
        res.writeHead(200, url.searchParams.get('inline') ? { 'content-type': 'text/html', 'content-security-policy': "sandbox allow-scripts; default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; frame-ancestors 'self'" } : { 'content-type': 'application/octet-stream', 'content-disposition': 'attachment' });
        return res.end(body);
      }
      if (path === '/api/v1/metrics/series') {
        const key = url.searchParams.get('key'), ids = url.searchParams.get('run').split(',');
        return json(200, { key, series: ids.map((id, k) => ({ run_id: id, name: `run-${k}`, status: 'FINISHED', start_time_ms: T0, count: 1000, steps: Array.from({ length: 1000 }, (_, i) => i), times_ms: Array.from({ length: 1000 }, (_, i) => T0 + i * 500), values: Array.from({ length: 1000 }, (_, i) => (i === 500 && k === 0 ? 60 : 2 + 40 * Math.exp(-i / (150 + 20 * k)) + hash(i, k) * 3)) })) });
      }
      if (path === '/api/v1/experiments') return json(200, { items: experiments });
      if (path === '/api/v1/saved-views') return json(200, { items: saved });
      if (path.startsWith('/api/v1/saved-views/')) {
        const name = decodeURIComponent(path.split('/').pop());
        saved = saved.filter((v) => v.name !== name);
        if (req.method === 'PUT') saved.push({ page: 'runs', name, last_update_time_ms: Date.now(), ...JSON.parse(body) });
        return json(200, { items: saved });
      }
      if (path === '/api/v1/preview') return json(200, { format: 'parquet', row_count: 1_000_000, column_count: 3, columns: [{ name: 'id', type: 'BIGINT' }, { name: 'city', type: 'VARCHAR' }, { name: 'price', type: 'DOUBLE' }], rows: Array.from({ length: 200 }, (_, i) => [String(i), i % 9 ? `city ${i}` : null, String(i * 1.5)]) });
      if (/\/aliases\/[^/]+$/.test(path)) return json(200, { name: 'diabetes', alias: 'champion', version: url.searchParams.get('at') ? '1' : '2', history: [{ version: '2', time_ms: T0 - 3e7, actor: 'user:root', reason: 'lower error' }, { version: '1', time_ms: T0 - 8e7, actor: 'user:root', reason: null }] });
      if (path === '/api/v1/runs/table') return json(200, runTable(url.searchParams, state));
      if (path === '/api/v1/alerts') return json(200, { items: state === 'empty' ? [] : alerts.filter((a) => !url.searchParams.get('open') || !a.ended_ms) });
      if (/:acknowledge$/.test(path)) { const a = alerts.find((x) => path.includes(x.id)); Object.assign(a, { state: 'acknowledged', acknowledged_by: 'user:ana', note: JSON.parse(body || '{}').note ?? null }); return json(200, a); }
      if (/\/silences$/.test(path)) { if (JSON.parse(body).for !== '2h') return json(400, { code: 'INVALID', message: "'for' must be a time" }); return json(201, board()); }
      if (/\/rollout$/.test(path) && req.method === 'GET') return json(200, rollout());
      if (/\/rollout:(pause|resume)$/.test(path)) { rolloutState = path.endsWith('pause') ? 'paused' : 'running'; return json(200, rollout()); }
      if (/\/loop:(freeze|thaw)$/.test(path)) { frozen = path.endsWith('freeze'); return json(200, loop()); }
      if (path === '/api/v1/events') { res.writeHead(200, { 'content-type': 'text/event-stream' }); res.write(': hello\n\n'); return; }
      if (path === '/api/v1/status') return json(200, view('home', url.searchParams, state).status);
      if (/^\/api\/v1\/models\/[^/]+$/.test(path)) return json(200, model());
      if (/:explain$/.test(path)) return json(200, { explanations: [{ prediction: 206.1, base: 152.1, contributions: names.map((name) => ({ name, value: input_example[name], contribution: 20 * normal() })) }] });
      if (/:predict$/.test(path)) { res.setHeader('prediction_id', '0192f3a0-0000-7000-8000-000000000001'); return json(200, { predictions: [206.116677] }); }
      if (/:promote$|:rollback$/.test(path)) { served = JSON.parse(body || '{}').version ?? '1'; if (served === '4') { served = '2'; return json(409, { code: 'CONFLICT', message: "version '4' of 'diabetes' cannot be promoted: gate rmse <= 60 did not pass", hint: 'see slipway model show diabetes:4', request_id: '0192-mock' }); } history.push({ version: served, time_ms: Date.now(), actor: 'user:root', action: path.split(':').pop(), reason: JSON.parse(body || '{}').reason ?? null }); return json(200, endpoint()); }
      if (/^\/api\/v1\/endpoints\/[^/]+$/.test(path)) return json(200, endpoint());
      if (/\/log$/.test(path)) { res.writeHead(200, { 'content-type': 'text/plain', 'x-next-offset': '200' }); return res.end(url.searchParams.get('offset') === '0' || !url.searchParams.get('offset') ? stages(false).map((s) => `2026-11-24T23:11:02Z ${s.name.padEnd(10)} ${s.state} ${s.ms} ms`).join('\n') + '\n' : ''); }
      if (req.method !== 'GET' || path.startsWith('/api/')) return json(404, { code: 'NOT_FOUND', message: `no route ${path}` });
      res.writeHead(200, { 'content-type': 'text/html; charset=utf-8', 'content-security-policy': CSP, 'x-content-type-options': 'nosniff' });
      res.end(shell(out, req.headers.cookie ?? ''));
    } catch (e) {
      json(e.status ?? 500, { code: e.code ?? 'INTERNAL', message: e.message, hint: e.hint ?? null, request_id: '0192f3a0-mock' });
    }
  });
  return new Promise((done) => server.listen(port, '127.0.0.1', () => done({ url: `http://127.0.0.1:${server.address().port}`, close: () => { server.closeAllConnections(); server.close(); } })));
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const arg = (name, fallback) => { const i = process.argv.indexOf(name); return i > 0 ? process.argv[i + 1] : fallback; };
  console.log((await startMock({ port: Number(arg('--port', 5055)), state: arg('--state', 'typical'), out: arg('--out', pageDir) })).url);
}
