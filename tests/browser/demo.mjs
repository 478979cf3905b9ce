// SPDX-License-Identifier: Apache-2.0
// A person's path through the real thing: a project is made and run twice, a bad third run is refused,
// a server starts, version 1 is deployed; the rest happens in the browser. Then axe on every real page
// in each language and theme. Pictures of the real pages go to build/screenshots.
import { execFile } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { axe, bin, calm, check, close, equal, fits, nodes, open, server, shot, test, visit } from './lib.mjs';

let world = null;

/* Runs a command in the project; the wanted exit status or an error with all it said. */
function slipway(cwd, args, want = 0) {
  return new Promise((done, fail) => execFile(bin, args, { cwd, timeout: 120_000, maxBuffer: 1 << 26 }, (error, out, err) => {
    const code = error ? error.code ?? error.signal : 0;
    if (code === want) done(out);
    else fail(new Error(`slipway ${args.join(' ')} ended with ${code}, want ${want}\n${out}\n${err}`));
  }));
}

/* Made once for all tests here. */
async function demo() {
  if (world) return world;
  check(existsSync(bin), `${bin} is not there; run make first`);
  const dir = mkdtempSync(join(tmpdir(), 'slipway-browser-')), project = join(dir, 'diabetes');
  await slipway(dir, ['init', 'diabetes', '--template', 'regression']);
  await slipway(project, ['run']);
  await slipway(project, ['run', '-p', 'alpha=0.5']);
  await slipway(project, ['run', '-p', 'alpha=1000000'], 1);
  const s = await server(project);
  await slipway(project, ['deploy', 'diabetes:1']);
  const runs = JSON.parse(await slipway(project, ['exp', 'ls', '-o', 'json']));
  const list = Array.isArray(runs) ? runs : runs.items;
  const done = list.find((r) => r.status === 'FINISHED'), refused = list.find((r) => r.status === 'FAILED');
  world = { dir, project, ...s, run: done.run_id, refused: refused.run_id };
  return world;
}

export async function stopDemo() {
  if (!world) return;
  await world.stop();
  rmSync(world.dir, { recursive: true, force: true });
}

test('demo: home → run → version → promote → try it → audit, by hand', async () => {
  const w = await demo(), page = await open();
  await visit(page, w.url, '/');
  await shot(page, 'home');
  check((await page.textContent('main')).includes('diabetes'), 'the endpoint is on the overview');
  /* one document, its files, and no second request for the data of the first view */
  check(!page.sent.some((r) => r.path.startsWith('/api/v1/view/')), 'the first view came with the document');

  await page.click('.home-grid tbody tr:has-text("diabetes:2") th a');
  await page.waitForSelector('.stages .stage');
  check(await page.locator('.gates .status-ok').count() >= 3, 'the gates passed, with evidence');
  check((await page.textContent('main')).includes('slipway run'), 'how to do it again');
  await page.click('[data-tab="2"]');
  await page.waitForSelector('.chart svg .dots');
  await page.click('[role=tab]:has-text("Log")');
  await page.waitForSelector('pre.log');
  await page.click('.key-facts a:has-text("diabetes:2")');

  await page.waitForSelector('h1:has-text("diabetes:2")');
  check((await page.textContent('.banner')).includes('Not serving'), 'the verdict');
  check(await page.locator('.lineage .node').count() >= 3, 'the lineage');
  await page.click('button:has-text("Compare with v1")');
  await page.waitForSelector('table.compare');
  check((await page.textContent('main')).includes('alpha'), 'the parameter that differs');
  await shot(page, 'compare');

  await page.click('nav a[href$="/endpoints"]');
  await page.click('main a:has-text("diabetes")');
  await page.click('button:has-text("Promote")');
  await page.waitForSelector('dialog[open]');
  check((await page.textContent('dialog')).includes('slipway promote diabetes --to 2'), 'the same on the command line');
  await page.fill('dialog input', 'lower error on the test part');
  await shot(page, 'promote');
  await page.click('dialog button[type=submit]');
  await page.waitForFunction(() => !document.querySelector('dialog[open]') && /v2/.test(document.querySelector('.key-facts').textContent));
  await page.click('form.try button[type=submit]');
  await page.waitForSelector('.prediction');
  check(Number.isFinite(Number((await page.getAttribute('.prediction', 'title')))), 'a number');
  await page.waitForSelector('.contributions li');
  await page.waitForFunction(() => document.querySelectorAll('.uplot canvas').length >= 2, null, { timeout: 10_000 });
  await shot(page, 'endpoint');
  await page.click('button:has-text("Roll back")');
  await page.click('dialog button[type=submit]');
  await page.waitForFunction(() => !document.querySelector('dialog[open]') && /v1/.test(document.querySelector('.key-facts').textContent));

  await page.click('nav a[href$="/audit"]');
  await page.waitForSelector('.audit li');
  const log = await page.textContent('.audit');
  check(log.includes('endpoint.promoted') && log.includes('lower error on the test part'), 'the audit log tells who and why');
  check(log.includes('rolled back') || log.includes('endpoint.rolled_back'), 'and of the way back');
  await shot(page, 'audit');
  calm(page, 'the path');
  await close(page);
});

test('demo: a change elsewhere appears by itself', async () => {
  const w = await demo(), page = await open();
  const stream = page.waitForResponse((r) => r.url().includes('/api/v1/events'));
  await visit(page, w.url, '/audit');
  await stream;
  await slipway(w.project, ['promote', 'diabetes', '--to', '2', '--reason', 'from the command line']);
  await page.waitForFunction(() => /from the command line/.test(document.querySelector('.audit').textContent));
  calm(page, 'live');
  await close(page);
});

test("demo: a client's run: metrics as charts, artifacts in their views", async () => {
  const w = await demo(), page = await open(), api = `${w.url}/api/2.0`;
  const ask = async (method, path, body) => {
    const r = await fetch(api + path, { method, headers: typeof body === 'string' ? {} : { 'content-type': 'application/json' }, body: typeof body === 'string' ? body : JSON.stringify(body) });
    check(r.ok, `${path}: ${r.status} ${r.ok ? '' : await r.text()}`);
    return r.json().catch(() => ({}));
  };
  const { run } = await ask('POST', '/mlflow/runs/create', { experiment_id: '0', run_name: 'from-a-client', start_time: 1760000000000 }), id = run.info.run_id;
  const points = Array.from({ length: 900 }, (_, i) => ({ key: 'loss', value: i === 450 ? 99 : 5 / (1 + i), step: i, timestamp: 1760000000000 + i * 1000 }));
  await ask('POST', '/mlflow/runs/log-batch', { run_id: id, metrics: points });
  const root = run.info.artifact_uri.replace(/^mlflow-artifacts:\/*/, '');
  await ask('PUT', `/mlflow-artifacts/artifacts/${root}/notes/read.md`, '# Notes\n\nfine');
  await ask('PUT', `/mlflow-artifacts/artifacts/${root}/page.html`, '<p id="p">x</p><script>try { parent.document.title = "owned"; p.textContent = "escaped"; } catch { p.textContent = "kept in"; }</script>');
  await visit(page, w.url, `/runs/${id}?tab=charts`);
  await page.waitForSelector('.metric-chart canvas');
  check((await page.textContent('.metric-chart figcaption')).includes('900 points') && /to 99/.test(await page.textContent('.metric-chart figcaption')), 'all points and the spike');
  await axe(page, 'charts of a run');
  await shot(page, 'run-charts');
  await page.click('[role=tab]:has-text("Artifacts")');
  await page.click('.file:has-text("notes/")');
  await page.click('.file:has-text("read.md")');
  await page.waitForSelector('.markdown h3:has-text("Notes")');
  calm(page, 'a run of a client');
  await page.click('.file:has-text("page.html")');
  await page.frameLocator('iframe.foreign').locator('#p:has-text("kept in")').waitFor();
  await axe(page, 'artifacts of a run');
  await shot(page, 'run-artifacts');
  await close(page);
});

test('demo: the refused run says which gate and why', async () => {
  const w = await demo(), page = await open();
  await visit(page, w.url, `/runs/${w.refused}`);
  check((await page.textContent('.banner')).includes('Refused by a gate'), 'refused');
  check(await page.locator('.gates .status-bad').count() >= 1, 'a gate that failed');
  await shot(page, 'refused');
  calm(page, 'refused');
  await close(page);
});

test('demo: filter in the expression language, by the server', async () => {
  const w = await demo(), page = await open();
  await visit(page, w.url, '/runs');
  await page.waitForSelector('.grid-row .grid-link');
  const all = await page.locator('.grid-row').count();
  await page.fill('[data-filter]', 'params.alpha = "0.5"');
  await page.keyboard.press('Enter');
  await page.waitForFunction((n) => { const k = document.querySelectorAll('.grid-row').length; return k > 0 && k < n; }, all);
  page.complaints.length = 0;
  await page.fill('[data-filter]', 'params.alpha = = 1');
  await page.keyboard.press('Enter');
  await page.waitForSelector('#filter-error');
  page.complaints = page.complaints.filter((c) => !/400/.test(c)); /* the browser reports the answer itself */
  calm(page, 'filter');
  await close(page);
});

for (const lang of ['en', 'zh-CN'])
  for (const theme of ['light', 'dark'])
    test(`demo: ${lang} ${theme}: every real page without violation or complaint`, async () => {
      const w = await demo(), page = await open({ lang, theme });
      const pages = ['/', '/runs', `/runs/${w.run}`, `/runs/${w.run}?tab=model`, `/runs/${w.run}?tab=log`, `/runs/${w.refused}`, `/compare?runs=${w.run},${w.refused}`, '/compare?model=diabetes&versions=1,2', '/models', '/models/diabetes',
        '/models/diabetes/2', '/models/diabetes/2?tab=model', '/models/diabetes/2?tab=slices', '/models/diabetes/2?tab=explain', '/models/diabetes/2?tab=origin', '/models/diabetes/2?tab=facts', '/models/diabetes/2?tab=files',
        '/endpoints', '/endpoints/diabetes', '/endpoints/diabetes/monitor', '/endpoints/diabetes/performance', '/endpoints/diabetes/story', '/alerts', '/datasets', '/datasets/patients', '/audit'];
      for (const path of pages) {
        await visit(page, w.url, path);
        equal(await page.locator('.failure').count(), 0, `${path} shows an error`);
        await axe(page, path);
        await nodes(page, path);
        await fits(page, path);
        await shot(page, `${path.replace(w.run, 'run').replace(w.refused, 'refused').replace(/\W+/g, '-').replace(/^-|-$/g, '') || 'home'}-${lang}-${theme}`);
      }
      calm(page, `${lang} ${theme}`);
      await close(page);
    });

test('demo: a server with tokens asks for one, once', async () => {
  const dir = mkdtempSync(join(tmpdir(), 'slipway-token-')), file = join(dir, 'tokens'), secret = 'a-long-secret-for-this-test-0123456789abcdef';
  writeFileSync(file, `${secret}\n`, { mode: 0o600 });
  const s = await server(dir, ['--data', join(dir, 'data'), '--token-file', file]), page = await open();
  await visit(page, s.url, '/');
  await page.waitForSelector('input[type=password]');
  await axe(page, 'sign in');
  await shot(page, 'sign-in');
  page.complaints = page.complaints.filter((c) => !/401/.test(c)); /* the browser reports the answer itself */
  await page.fill('input[type=password]', secret);
  await page.click('form button[type=submit]');
  await page.waitForSelector('h1:has-text("Overview")');
  await page.reload();
  await page.waitForSelector('h1:has-text("Overview")');
  await page.waitForTimeout(800);
  page.complaints = page.complaints.filter((c) => !/401/.test(c));
  calm(page, 'tokens');
  await close(page);
  await s.stop();
  rmSync(dir, { recursive: true, force: true });
});

test('demo: every command that the palette offers exists', async () => {
  const w = await demo(), page = await open();
  await visit(page, w.url, '/');
  await page.keyboard.press('Control+k');
  await page.fill('.palette input', 'slipway');
  await page.waitForSelector('[role=option]:has-text("slipway run")');
  const offered = (await page.locator('[role=option]').allInnerTexts()).map((x) => x.split('\n')[0]).filter((x) => x.startsWith('slipway '));
  check(offered.length >= 20, `${offered.length} commands`);
  for (const line of offered) {
    const words = line.split(' ').slice(1), verbs = words.filter((x) => /^[a-z]+$/.test(x)).slice(0, ['model', 'data', 'exp', 'audit'].includes(words[0]) ? 2 : 1);
    await slipway(w.project, [...verbs, '--help']);
  }
  await close(page);
});

test('demo: behind a base path every address stays below it', async () => {
  const dir = mkdtempSync(join(tmpdir(), 'slipway-base-')), s = await server(dir, ['--data', join(dir, 'data'), '--base-path', '/ml/x']);
  const page = await open();
  await visit(page, s.url, '/');
  await page.click('nav a[href="/ml/x/models"]');
  await page.waitForURL(/\/ml\/x\/models$/);
  await page.reload();
  await page.waitForSelector('.empty');
  check(page.sent.every((r) => r.path.startsWith('/ml/x')), page.sent.map((r) => r.path).filter((p) => !p.startsWith('/ml/x')).join(' '));
  calm(page, 'base path');
  await close(page);
  await s.stop();
  rmSync(dir, { recursive: true, force: true });
});
