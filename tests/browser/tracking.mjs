// SPDX-License-Identifier: Apache-2.0
// What people do with tracked runs, against the real server: views that stay, columns, the trash and
// the way back, moving and copying, viewers of files (with and without a token), live runs, search,
// aliases over time. Data comes in as clients send it, over MLflow's REST.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { axe, bin, calm, check, close, equal, fits, nodes, open, server, shot, test, visit } from './lib.mjs';

const SECRET = 'a-long-secret-for-this-test-0123456789abcdef', T0 = 1760000000000;
const worlds = {};

/* A server with three experiments and their runs; with a token when asked for. */
async function world(name, args = () => [], token = '') {
  if (worlds[name]) return worlds[name];
  const dir = mkdtempSync(join(tmpdir(), 'slipway-tracking-')), s = await server(dir, ['--data', join(dir, 'data'), ...args(dir)]);
  const headers = token ? { authorization: `Bearer ${token}` } : {};
  const ask = async (method, path, body) => {
    const raw = body instanceof Uint8Array || typeof body === 'string';
    const r = await fetch(s.url + path, { method, headers: { ...headers, ...(raw ? {} : { 'content-type': 'application/json' }) }, body: raw ? body : JSON.stringify(body) });
    check(r.ok, `${method} ${path}: ${r.status} ${r.ok ? '' : await r.text()}`);
    return r.json().catch(() => ({}));
  };
  const post = (path, body) => ask('POST', `/api/2.0/mlflow/${path}`, body);
  const w = { dir, ...s, ask, post, runs: [], stopped: false };
  for (const e of ['churn', 'fraud', 'empty']) w[e] = (await post('experiments/create', { name: e })).experiment_id;
  for (let i = 0; i < 12; i++) {
    const { run } = await post('runs/create', { experiment_id: i < 8 ? w.churn : w.fraud, run_name: `run-${i}`, start_time: T0 + i * 60_000 }), id = run.info.run_id;
    await post('runs/log-batch', { run_id: id, metrics: [5, 3, 9, 4].map((v, step) => ({ key: 'loss', value: v + i, step, timestamp: T0 + step })), params: [{ key: 'alpha', value: String(i % 3) }, { key: 'same', value: 'x' }] });
    if (i !== 11) await post('runs/update', { run_id: id, status: i % 4 === 3 ? 'FAILED' : 'FINISHED', end_time: T0 + i * 60_000 + 1000 });
    w.runs.push({ id, uri: run.info.artifact_uri });
  }
  return (worlds[name] = w);
}
const plain = () => world('plain');

/* A model with two versions and a table among the files of the first run, for the pages that show them. */
async function fill(w) {
  if (w.filled) return;
  w.filled = true;
  await w.ask('PUT', `/api/2.0/mlflow-artifacts/artifacts/${w.runs[0].uri.replace(/^mlflow-artifacts:\/*/, '')}/rows.parquet`, readFileSync(new URL('rows.parquet', import.meta.url)));
  await w.post('registered-models/create', { name: 'm' });
  for (const i of [0, 1]) await w.post('model-versions/create', { name: 'm', source: `${w.runs[i].uri}/model`, run_id: w.runs[i].id });
  await w.post('registered-models/alias', { name: 'm', alias: 'prod', version: '1' });
}

export async function stopTracking() {
  for (const w of Object.values(worlds)) {
    await w.stop();
    rmSync(w.dir, { recursive: true, force: true });
  }
}

const quiet = (page, ...codes) => (page.complaints = page.complaints.filter((c) => !codes.some((k) => c.includes(String(k))))); /* the browser reports refused answers itself */
const menu = (page, label) => page.click(`.page button:has-text("${label}")`);
const header = (page, text) => page.locator(`[role=columnheader]:has-text("${text}")`);
const widthOf = (page, text) => header(page, text).evaluate((e) => e.getBoundingClientRect().width);

test('tracking: an experiment is deleted, undone, deleted again; its name is free; it goes for good only by its name', async () => {
  const w = await world('trash'), page = await open();
  await visit(page, w.url, '/experiments');
  check((await page.locator('tr:has-text("churn")').innerText()).includes('8'), 'the number of runs');
  const remove = async () => {
    await page.click('tr:has-text("churn") button:has-text("Delete")');
    await page.waitForSelector('dialog[open]');
    check((await page.textContent('dialog')).includes('with its 8 runs'), 'what goes with it');
    check((await page.textContent('dialog')).includes('slipway exp rm churn'), 'the command');
    await axe(page, 'delete dialog');
    await page.click('dialog button[type=submit]');
    await page.waitForSelector('.toast button:has-text("Undo")');
  };
  await remove();
  await axe(page, 'toast with a way back');
  await page.click('.toast button:has-text("Undo")');
  await page.waitForSelector('tr:has-text("churn")');
  await remove();
  await page.click('button:has-text("New experiment")');
  await page.fill('dialog input', 'churn');
  await page.click('dialog button[type=submit]');
  await page.waitForSelector('tbody tr:has-text("churn")');
  await page.waitForFunction(() => !document.querySelector('dialog[open]'));
  check(!(await page.locator('tbody tr:has-text("churn")').innerText()).includes('8'), 'the new one is empty');
  await page.click('nav a[href$="/trash"]');
  await page.waitForSelector('tbody tr:has-text("Experiment")');
  await axe(page, 'trash');
  await page.click('tbody tr:has-text("Experiment") button:has-text("Remove for good")');
  await page.waitForSelector('dialog[open]');
  const text = await page.textContent('dialog');
  check(/8 runs/.test(text) && /cannot be undone/.test(text) && /--confirm=/.test(text), 'says what is gone');
  equal(await page.isDisabled('dialog button[type=submit]'), true, 'not without the name');
  await page.fill('dialog [data-confirm]', 'churn');
  equal(await page.isDisabled('dialog button[type=submit]'), true, 'its name is another by now');
  await axe(page, 'purge dialog');
  await shot(page, 'tracking-purge');
  await page.fill('dialog [data-confirm]', (await page.textContent('dialog .field:has([data-confirm]) span')).replace(/^Type (.*) to confirm$/, '$1'));
  await page.click('dialog button[type=submit]');
  await page.waitForSelector('.empty:has-text("trash is empty")');
  const left = JSON.parse(spawnSync(bin, ['exp', 'ls', '--experiments', '-o', 'json', '--server', w.url], { encoding: 'utf8' }).stdout || '[]');
  check(!JSON.stringify(left).includes('churn~'), 'the command line agrees');
  calm(page, 'trash');
  await close(page);
});

test('tracking: runs are selected, moved to a new experiment, copied, deleted and brought back', async () => {
  const w = await world('moves'), page = await open();
  await visit(page, w.url, `/runs?experiment=${w.churn}`);
  await page.waitForSelector('.grid-row .grid-link');
  const pick = async (...names) => { for (const n of names) await page.click(`.grid-row:has-text("${n}") .check-hit`); };
  await pick('run-1', 'run-2');
  await menu(page, 'More');
  await page.click('button:has-text("Move to an experiment")');
  await page.waitForSelector('dialog[open]');
  await page.fill('dialog .field:has-text("new one") input', 'moved here');
  check(/slipway exp mv run\/\w+ run\/\w+ 'moved here'/.test(await page.textContent('dialog')), 'the command');
  await axe(page, 'move dialog');
  await page.click('dialog button[type=submit]');
  await page.waitForFunction(() => document.querySelectorAll('.grid-row').length === 6);
  await page.click('button:has-text("Clear selection")');
  await pick('run-3');
  await menu(page, 'More');
  await page.click('button:has-text("Copy to an experiment")');
  await page.selectOption('dialog select', 'empty');
  await page.click('dialog button[type=submit]');
  await page.waitForFunction(() => !document.querySelector('dialog[open]'));
  await pick('run-4');
  await menu(page, 'More');
  await page.click('.menu-panel button:has-text("Delete")');
  await page.click('dialog button[type=submit]');
  await page.waitForFunction(() => document.querySelectorAll('.grid-row').length === 4);
  await page.click('.toast button:has-text("Undo")');
  await page.waitForFunction(() => document.querySelectorAll('.grid-row').length === 6);
  await visit(page, w.url, '/experiments');
  const counts = await page.locator('tbody tr').evaluateAll((l) => Object.fromEntries(l.map((r) => [r.cells[0].innerText, r.cells[1].innerText])));
  equal(`${counts.churn} ${counts['moved here']} ${counts.empty} ${counts.fraud}`, '6 2 1 4', 'runs of churn, moved here, empty, fraud');
  await visit(page, w.url, `/runs/${w.runs[8].id}`);
  await menu(page, 'More');
  await page.click('.menu-panel button:has-text("Delete")');
  await page.click('dialog button[type=submit]');
  await page.waitForURL(/\/runs$/);
  await visit(page, w.url, `/runs/${w.runs[8].id}`);
  await page.click('button:has-text("Restore")');
  await page.waitForFunction(() => !/in the trash/.test(document.querySelector('main').textContent));
  calm(page, 'moves');
  await close(page);
});

test('tracking: columns: width by dragging and by keys, place, kept in sight, hidden; a saved view keeps all of it', async () => {
  const w = await plain(), page = await open({ width: 1440 });
  await visit(page, w.url, '/runs?columns=name,status,params.alpha,params.same,metrics.loss,metrics_min.loss,start_time,run_id');
  await page.waitForSelector('.grid-row .grid-link');
  /* width by the pointer, then by keys */
  const before = await widthOf(page, 'alpha'), edge = await header(page, 'alpha').locator('.grid-edge').boundingBox();
  await page.mouse.move(edge.x + 4, edge.y + 10);
  await page.mouse.down();
  await page.mouse.move(edge.x + 64, edge.y + 10, { steps: 4 });
  await page.mouse.up();
  await page.waitForURL(/widths=params.alpha/);
  equal(await widthOf(page, 'alpha'), before + 60, 'width after dragging');
  await header(page, 'alpha').locator('.grid-th').focus();
  await page.keyboard.press('Shift+ArrowLeft');
  await page.waitForFunction((n) => [...document.querySelectorAll('[role=columnheader]')].some((h) => /alpha/.test(h.textContent) && Math.abs(h.getBoundingClientRect().width - n) < 1), before + 44);
  /* place: by keys, by the menu, by the pointer */
  const order = () => page.locator('[role=columnheader] .grid-label').allInnerTexts();
  await page.keyboard.press('Control+Shift+ArrowRight');
  await page.waitForURL(/columns=name%2Cstatus%2Cparams.same%2Cparams.alpha/);
  check(await page.evaluate(() => /alpha/.test(document.activeElement.textContent)), 'the focus goes with the column');
  const from = await header(page, 'same').boundingBox(), to = await header(page, 'Started').boundingBox();
  await page.mouse.move(from.x + 30, from.y + 20);
  await page.mouse.down();
  await page.mouse.move(to.x + 20, to.y + 20, { steps: 6 });
  await shot(page, 'tracking-carry');
  await page.mouse.up();
  await page.waitForURL(/metrics_min.loss%2Cstart_time%2Cparams.same|start_time%2Cparams.same/);
  /* the menu: keep in sight, hide */
  await header(page, 'Started').hover();
  await header(page, 'Started').locator('.grid-more').click();
  await page.waitForSelector('.column-menu');
  await axe(page, 'column menu');
  await page.screenshot({ path: 'build/screenshots/tracking-column-menu.png' });
  await page.click('.column-menu button:has-text("Keep in sight")');
  await page.waitForURL(/pin=start_time/);
  await header(page, 'Status').locator('.grid-th').focus();
  await page.keyboard.press('Alt+ArrowDown');
  await page.waitForSelector('.column-menu');
  await page.keyboard.press('Escape');
  await page.waitForFunction(() => !document.querySelector('.column-menu') && /Status/.test(document.activeElement.textContent));
  for (let i = 0; i < 5 && !(await page.$('.column-menu')); i++) { /* a press while the menu before closes may be lost */
    await page.keyboard.press('Alt+ArrowDown');
    await page.waitForTimeout(200);
  }
  await page.click('.column-menu button:has-text("Hide")');
  await page.waitForFunction(() => ![...document.querySelectorAll('[role=columnheader]')].some((h) => /Status/.test(h.textContent)));
  await page.evaluate(() => { document.querySelector('.grid').scrollLeft = 300; });
  await page.waitForTimeout(100);
  check(await page.evaluate(() => { const g = document.querySelector('.grid').getBoundingClientRect(), h = [...document.querySelectorAll('[role=columnheader]')].find((x) => /Started/.test(x.textContent)).getBoundingClientRect(); return h.left >= g.left && h.right < g.right; }), 'the kept column stays in sight');
  const want = (await order()).join();
  /* save, change, undo, link, rename, delete */
  await menu(page, 'Views');
  await page.waitForSelector('.save-as');
  await axe(page, 'views menu, empty');
  await page.fill('.save-as .field input', 'by alpha');
  await page.click('.save-as button[type=submit]');
  await page.waitForURL(/view=by\+alpha/);
  await axe(page, 'views menu');
  await shot(page, 'tracking-views');
  await visit(page, w.url, '/runs');
  check((await order()).join() !== want, 'the standard columns are others');
  await visit(page, w.url, '/runs?view=by%20alpha');
  await page.waitForURL(/pin=start_time/);
  await page.waitForSelector('.grid-row .grid-link');
  equal((await order()).join(), want, 'order of the columns');
  equal(await widthOf(page, 'alpha'), before + 44, 'width');
  /* a run that starts with new columns changes nothing here */
  const { run } = await w.post('runs/create', { experiment_id: w.fraud, run_name: 'late', start_time: T0 + 9e6 });
  await w.post('runs/log-batch', { run_id: run.info.run_id, metrics: [{ key: 'brand_new', value: 1, step: 0, timestamp: T0 }], params: [{ key: 'newer', value: '1' }] });
  await page.mouse.move(5, 5); /* nothing moves under the pointer */
  await page.waitForSelector('.grid-row:has-text("late")');
  equal((await order()).join(), want, 'order of the columns with a new run');
  await menu(page, 'Views');
  await page.click('button[aria-label="Rename by alpha"]');
  await page.fill('.saved input', 'renamed view');
  await page.click('.saved button[type=submit]');
  await page.waitForURL(/view=renamed/);
  await page.click('button[aria-label="Delete renamed view"]');
  await page.waitForSelector('.menu-panel:has-text("No views yet")');
  calm(page, 'columns');
  await close(page);
});

test('tracking: search with OR, NOT, parentheses, IN and best values; a mistake is told with its place', async () => {
  const w = await plain(), page = await open();
  await visit(page, w.url, `/runs?experiment=${w.churn}`);
  await page.waitForSelector('.grid-row .grid-link');
  const rows = async (filter, n) => {
    await page.fill('[data-filter]', filter);
    await page.keyboard.press('Enter');
    await page.waitForFunction((k) => document.querySelectorAll('.grid-row').length === k, n);
  };
  await rows('metrics.loss.min < 5 or name = "run-7"', 3);
  await rows('not (params.alpha in ("0", "1")) and status != "FAILED"', 2);
  await rows('metrics.loss.max > 12 and metrics.loss.last >= 9', 3);
  await axe(page, 'filtered');
  page.complaints.length = 0;
  await page.fill('[data-filter]', 'metrics.loss < 5 or and name = "x"');
  await page.keyboard.press('Enter');
  await page.waitForSelector('#filter-error');
  check(/\bat 21\b/.test(await page.textContent('#filter-error')), `the place of the mistake: ${await page.textContent('#filter-error')}`);
  await axe(page, 'wrong filter');
  await shot(page, 'tracking-filter-error');
  quiet(page, 400);
  calm(page, 'search');
  await close(page);
});

test('tracking: a run that logs moves table, charts and its page without a reload', async () => {
  const w = await plain(), page = await open(), table = await open();
  const { run } = await w.post('runs/create', { experiment_id: w.fraud, run_name: 'live-one', start_time: Date.now() }), id = run.info.run_id;
  const log = (step, value) => w.post('runs/log-metric', { run_id: id, key: 'loss', value, step, timestamp: Date.now() });
  await log(0, 50);
  await visit(page, w.url, `/runs/${id}`);
  await visit(table, w.url, '/runs?columns=name,status,metrics.loss&filter=name%20%3D%20%22live-one%22');
  await table.waitForSelector('.grid-row:has-text("50")');
  for (let i = 1; i < 5; i++) await log(i, 50 - i * 7);
  await page.waitForSelector('dd:has-text("22")');
  await table.waitForSelector('.grid-row:has-text("22")');
  await page.click('[data-tab="2"]');
  await page.waitForSelector('.metric-chart figcaption:has-text("5 points")');
  await log(5, 777);
  await page.waitForSelector('.metric-chart figcaption:has-text("to 777")');
  await w.post('runs/update', { run_id: id, status: 'FINISHED', end_time: Date.now() });
  await page.waitForSelector('h1 .status-ok');
  await table.waitForSelector('.grid-row .status-ok');
  check(!page.sent.some((r) => r.type === 'document' && r !== page.sent[0]), 'no document was loaded again');
  calm(page, 'live');
  calm(table, 'live table');
  await close(page);
  await close(table);
});

test('tracking: only what differs in a comparison', async () => {
  const w = await plain(), page = await open();
  await visit(page, w.url, `/compare?runs=${w.runs.slice(0, 4).map((r) => r.id).join(',')}`);
  const text = await page.textContent('main');
  check(text.includes('alpha') && text.includes('loss') && /1 equal/.test(text), 'what differs, and how many are equal');
  check(await page.locator('tr:has-text("same"):visible').count() === 0, 'what is equal is folded');
  await close(page);
});

/* A tenth of a second of silence; a page that tries to get out; a PDF of one empty page. */
function files() {
  const wav = Buffer.alloc(44 + 1600);
  wav.write('RIFF', 0); wav.writeUInt32LE(36 + 1600, 4); wav.write('WAVEfmt ', 8); wav.writeUInt32LE(16, 16); wav.writeUInt16LE(1, 20); wav.writeUInt16LE(1, 22);
  wav.writeUInt32LE(8000, 24); wav.writeUInt32LE(16000, 28); wav.writeUInt16LE(2, 32); wav.writeUInt16LE(16, 34); wav.write('data', 36); wav.writeUInt32LE(1600, 40);
  const objects = ['<</Type/Catalog/Pages 2 0 R>>', '<</Type/Pages/Kids[3 0 R]/Count 1>>', '<</Type/Page/Parent 2 0 R/MediaBox[0 0 200 200]>>'];
  let pdf = '%PDF-1.4\n', at = [];
  objects.forEach((o, i) => { at.push(pdf.length); pdf += `${i + 1} 0 obj${o}endobj\n`; });
  const start = pdf.length;
  pdf += `xref\n0 4\n0000000000 65535 f \n${at.map((n) => `${String(n).padStart(10, '0')} 00000 n \n`).join('')}trailer<</Size 4/Root 1 0 R>>\nstartxref\n${start}\n%%EOF\n`;
  return { 'sound.wav': wav, 'page.pdf': pdf, 'notes.md': '# Notes\n\nfine', 'broken.parquet': 'PAR1 is not enough',
    'page.html': '<p id="p">x</p><script>const out = []; try { parent.document.title = "owned"; out.push("parent"); } catch {} try { if (sessionStorage.length >= 0) out.push("storage"); } catch {} try { document.cookie; out.push("cookie"); } catch {}'
      + ' fetch("/api/v1/status").then(() => out.push("api"), () => {}).finally(() => { p.textContent = out.length ? `got ${out}` : "kept in"; });</script>' };
}

for (const [name, token] of [['plain', ''], ['tokens', SECRET]])
  test(`tracking: files in their viewers, ${token ? 'with a token' : 'without a token'}: sound, PDF, Parquet, a page that reaches nothing`, async () => {
    const w = await world(name, (dir) => { if (!token) return []; const f = join(dir, 'tokens'); writeFileSync(f, `${token}\n`, { mode: 0o600 }); return ['--token-file', f]; }, token);
    const r = w.runs[0], at = `/api/2.0/mlflow-artifacts/artifacts/${r.uri.replace(/^mlflow-artifacts:\/*/, '')}`, page = await open();
    for (const [f, body] of Object.entries(files())) await w.ask('PUT', `${at}/${f}`, body);
    await fill(w);
    if (token) {
      await page.goto(w.url);
      await page.fill('input[type=password]', token);
      await page.click('form button[type=submit]');
      await page.waitForSelector('h1:has-text("Overview")');
    }
    await visit(page, w.url, `/runs/${r.id}?tab=artifacts`);
    quiet(page, 401);
    await page.click('.file:has-text("page.html")');
    await page.frameLocator('iframe.foreign').locator('#p:has-text("kept in"), #p:has-text("got")').waitFor();
    equal(await page.frameLocator('iframe.foreign').locator('#p').innerText(), 'kept in', 'what the page reached');
    equal(await page.getAttribute('iframe.foreign', 'sandbox'), 'allow-scripts', 'rights of the frame');
    const src = await page.getAttribute('iframe.foreign', 'src');
    if (token) {
      check(!src.includes(token) && src.includes('signature='), 'a ticket, not the token, is in the address');
      equal((await fetch(new URL(src, w.url))).status, 200, 'with its ticket');
      equal((await fetch(new URL(src.replace('page.html', 'notes.md'), w.url))).status, 401, 'another file with that ticket');
      equal((await fetch(new URL(src.replace(/expires=\d+/, 'expires=9999999999'), w.url))).status, 401, 'a ticket made to last');
      equal((await fetch(new URL('/api/v1/runs?' + src.split('?')[1], w.url))).status, 401, 'another address with that ticket');
    }
    page.complaints.length = 0; /* what the page tried is reported by the browser */
    await page.click('.file:has-text("sound.wav")');
    await page.waitForFunction(() => document.querySelector('audio')?.readyState > 0);
    await axe(page, 'sound');
    await page.click('.file:has-text("rows.parquet")');
    await page.waitForSelector('.file-view td:has-text("北京")');
    check(/of 1,000 rows, 4 columns/.test(await page.textContent('.file-view')), 'rows and columns of the whole');
    check(/BIGINT/.test(await page.textContent('.file-view thead')), 'the schema');
    await nodes(page, 'Parquet');
    await axe(page, 'Parquet');
    await shot(page, `tracking-parquet-${name}`);
    await page.click('.file:has-text("page.pdf")');
    await page.waitForSelector('iframe.foreign.tall, .empty');
    await page.waitForTimeout(500);
    await shot(page, `tracking-pdf-${name}`);
    calm(page, 'viewers');
    await page.click('.file:has-text("broken.parquet")');
    await page.waitForSelector('.inline-error:has-text("cannot be read as a table")');
    await axe(page, 'a broken table');
    await close(page);
  });

test('tracking: which version an alias meant at a time', async () => {
  const w = await plain(), page = await open();
  await fill(w);
  await new Promise((done) => setTimeout(done, 2100));
  const between = new Date(Date.now() - 1000).toISOString().slice(0, 19);
  await w.post('registered-models/alias', { name: 'm', alias: 'prod', version: '2' });
  await visit(page, w.url, '/models/m');
  await page.click('summary:has-text("Aliases over time")');
  await page.waitForSelector('.alias-answer:has-text("v2")');
  check(await page.locator('.alias-time .timeline li').count() === 2, 'two moves');
  await page.fill('.alias-time input[type=datetime-local]', between);
  await page.waitForSelector('.alias-answer:has-text("v1")');
  check((await page.textContent('.alias-time')).includes(`slipway model alias m prod --at ${between}Z`), 'the command');
  await axe(page, 'aliases over time');
  await shot(page, 'tracking-alias');
  calm(page, 'alias');
  await close(page);
});

for (const lang of ['en', 'zh-CN'])
  for (const theme of ['light', 'dark'])
    test(`tracking: ${lang} ${theme}: new pages and menus, wide and narrow`, async () => {
      const w = await plain();
      await fill(w);
      await w.post('runs/delete', { run_id: w.runs[10].id }).catch(() => 0);
      for (const width of [1440, 390]) {
        const page = await open({ lang, theme, width, height: width > 400 ? 900 : 844 });
        for (const path of ['/trash', '/experiments', '/runs', `/runs/${w.runs[0].id}?tab=artifacts&file=rows.parquet`, `/runs/${w.runs[0].id}?tab=charts`, '/models/m']) {
          await visit(page, w.url, path);
          if (path === '/models/m') await page.click('details summary:last-of-type');
          await page.waitForTimeout(150);
          await axe(page, `${path} at ${width}`);
          await fits(page, `${path} at ${width}`);
          await shot(page, `tracking-${path.replace(/\W+/g, '-').replace(w.runs[0].id, 'run').replace(/^-|-$/g, '')}-${lang}-${theme}-${width}`);
        }
        await visit(page, w.url, '/runs');
        await page.click('.table-tools button:has-text("Views"), .table-tools button:has-text("视图")');
        await page.waitForSelector('.save-as');
        await axe(page, `views at ${width}`);
        await fits(page, `views at ${width}`);
        await page.screenshot({ path: `build/screenshots/tracking-views-${lang}-${theme}-${width}.png` });
        calm(page, `${lang} ${theme} ${width}`);
        await close(page);
      }
    });

test('tracking: a view of very many columns fits every address, and a reload keeps it', async () => {
  const w = await plain(), page = await open(), many = Array.from({ length: 400 }, (_, i) => `metrics.a_rather_long_name_${i}`);
  await visit(page, w.url, '/runs');
  await w.ask('PUT', '/api/v1/saved-views/runs/wide', { state: { columns: ['name', 'metrics.loss', ...many].join(','), widths: many.map((c) => `${c}:90`).join(','), pin: 'metrics.loss' } });
  await visit(page, w.url, '/runs?view=wide');
  await page.waitForURL(/#columns=/);
  check(new URL(page.url()).search.length < 2000, 'what the server gets is short');
  await page.reload();
  await page.waitForSelector('.grid-row .grid-link');
  equal(await page.getAttribute('[role=grid]', 'aria-colcount'), '403', 'columns with the box and the name');
  equal(await widthOf(page, 'a_rather_long_name_0'), 90, 'width');
  await header(page, 'loss').locator('.grid-th').first().focus();
  await page.keyboard.press('Shift+ArrowRight');
  await page.waitForURL(/metrics.loss%3A/);
  await page.goBack();
  await w.ask('DELETE', '/api/v1/saved-views/runs/wide');
  calm(page, 'wide');
  await close(page);
});
