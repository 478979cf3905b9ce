// SPDX-License-Identifier: Apache-2.0
// The pages of watching: the inbox and the matrix by keyboard, a year of windows, and a real server whose
// endpoint gets traffic that drifts (windows of two seconds), with a rollout held and promoted by hand.
import { execFile, spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { axe, bin, calm, check, close, equal, fits, nodes, open, root, server, shot, test, visit } from './lib.mjs';
import { startMock } from './mock.mjs';

test('watching: the inbox by keyboard: j k move, a acknowledges with a note, s silences, enter opens', async () => {
  const m = await startMock(), page = await open();
  await visit(page, m.url, '/alerts');
  await page.waitForSelector('.nav .badge:has-text("2")');
  equal(await page.locator('.inbox > li').count(), 2, 'open ones');
  check((await page.textContent('.inbox > li >> nth=0')).includes('Decay'), 'the critical one first');
  await page.keyboard.press('j');
  await page.keyboard.press('a');
  await page.waitForSelector('dialog[open]');
  check((await page.textContent('dialog')).includes('slipway monitor ack 01a210cc-13ac'), 'the same on the command line');
  await page.fill('dialog input', 'the shop changed its prices');
  await axe(page, 'acknowledge');
  await page.keyboard.press('Enter');
  await page.waitForSelector('.inbox > li:has-text("the shop changed its prices") .status-warn');
  check((await page.textContent('.inbox > li >> nth=0')).includes('FeatureDrift'), 'what still fires stands first');
  await page.locator('.inbox > li >> nth=0').locator('h2 a >> nth=0').focus();
  await page.keyboard.press('j');
  await page.keyboard.press('k');
  await page.keyboard.press('s');
  await page.waitForSelector('dialog[open] select');
  check((await page.textContent('dialog')).includes('--alert FeatureDrift --for 2h'), 'how long');
  await page.keyboard.press('Escape');
  await page.click('button:has-text("All")');
  equal(await page.locator('.inbox > li').count(), 3, 'all of them');
  await page.locator('.inbox > li >> nth=0').locator('h2 a >> nth=0').focus();
  await page.keyboard.press('Enter');
  await page.waitForURL(/endpoints\/diabetes\/monitor$/);
  await page.keyboard.press('g');
  await page.keyboard.press('a');
  await page.waitForURL(/\/audit$/);
  calm(page, 'inbox');
  await close(page);
  m.close();
});

test('watching: the matrix by keyboard; a feature, its window before', async () => {
  const m = await startMock(), page = await open();
  await visit(page, m.url, '/endpoints/diabetes/monitor');
  await page.focus('.matrix canvas');
  await page.keyboard.press('ArrowDown');
  await page.keyboard.press('Home');
  const said = await page.textContent('.matrix-readout');
  check(/rows/.test(said) && /v1/.test(said), said);
  await page.fill('[data-filter]', 'bmi');
  equal(await page.locator('.matrix-names li').count(), 1, 'filtered');
  await page.focus('.matrix canvas');
  await page.keyboard.press('ArrowUp');
  await page.keyboard.press('Enter');
  await page.waitForURL(/\/monitor\/bmi/);
  await page.waitForSelector('h1:has-text("bmi")');
  equal(await page.locator('table tbody tr').count(), 4, 'tests');
  await page.click('button:has-text("Earlier")');
  await page.waitForURL(/at=\d+/);
  calm(page, 'matrix');
  await close(page);
  m.close();
});

test('watching: a year of hourly windows × 200 features: one canvas, few nodes', async () => {
  const m = await startMock({ state: 'huge' }), page = await open();
  await visit(page, m.url, '/endpoints/diabetes/monitor?limit=9000');
  check(/Each column holds \d+ windows/.test(await page.textContent('.matrix-readout')), 'put together');
  const n = await nodes(page, 'a year');
  check(n < 900, `${n} nodes`);
  await fits(page, 'a year');
  check(await page.evaluate(() => { const c = document.querySelector('.matrix canvas'), d = c.getContext('2d').getImageData(0, 0, c.width, c.height).data; let k = 0; for (let i = 3; i < d.length; i += 4) k += d[i] > 0; return k > d.length / 40; }), 'something is drawn');
  await page.evaluate(() => { document.querySelector('.matrix-scroll').scrollTop = 3000; });
  await page.waitForFunction(() => document.querySelector('.matrix-names').style.transform !== 'translateY(0px)');
  await shot(page, 'monitor-year');
  calm(page, 'a year');
  await close(page);
  m.close();
});

test('watching: nothing yet: each page says what comes and how', async () => {
  const m = await startMock({ state: 'empty' }), page = await open();
  for (const path of ['/endpoints/diabetes/monitor', '/endpoints/diabetes/performance', '/endpoints/diabetes/story', '/alerts']) {
    await visit(page, m.url, path);
    check(await page.locator('.empty').count() >= 1, `${path} is empty in words`);
    await axe(page, path);
  }
  calm(page, 'empty');
  await close(page);
  m.close();
});

test('watching: freezing the loop says what stops', async () => {
  const m = await startMock(), page = await open();
  await visit(page, m.url, '/endpoints/diabetes/story');
  check((await page.textContent('.held')).includes('a rollout is under way'), 'why a trigger waits');
  await page.click('button:has-text("Freeze")');
  await page.waitForSelector('dialog[open]');
  await axe(page, 'freeze');
  await page.click('dialog button[type=submit]');
  await page.waitForSelector('.banner-warn:has-text("Frozen")');
  calm(page, 'freeze');
  await close(page);
  m.close();
});

/* ---- the real thing ---- */

const slipway = (cwd, ...args) => new Promise((done, fail) => execFile(bin, args, { cwd, timeout: 120_000 }, (error, out, err) => (error ? fail(new Error(`slipway ${args.join(' ')}: ${out}\n${err}`)) : done(out))));

test('watching: a real endpoint under traffic that drifts: windows, an alert, a rollout by hand', async () => {
  const dir = mkdtempSync(join(tmpdir(), 'slipway-watching-')), project = join(dir, 'diabetes'), yaml = join(project, 'slipway.yaml');
  await slipway(dir, 'init', 'diabetes', '--template', 'regression');
  writeFileSync(yaml, `${readFileSync(yaml, 'utf8').split('\n').filter((l) => !l.startsWith('deploy:')).join('\n')}\ndeploy:\n  endpoint: diabetes\nmonitor:\n  window: 2s\n`);
  await slipway(project, 'run');
  await slipway(project, 'run', '-p', 'alpha=0.5');
  const s = await server(project);
  await slipway(project, 'deploy', 'diabetes:1');
  const traffic = spawn('python3', [join(root, 'examples/drift/traffic.py'), s.url, 'diabetes', join(project, 'data/diabetes.csv'), '--target', 'progression', '--rate', '80', '--shift', 'bmi=+6', '--shift', 'bp=+15', '--truth', '1.5,60', '--shift-after', '7', '--label-delay', '1'], { stdio: 'ignore' });
  const page = await open();
  try {
    await visit(page, s.url, '/endpoints/diabetes/monitor');
    await page.waitForFunction(() => /over ([3-9]|\d\d) windows/.test(document.querySelector('.figure .summary')?.textContent ?? '')); /* by itself, as windows close */
    await page.waitForSelector('.nav .badge', { timeout: 60_000 });
    await page.click('.nav a[href="/alerts"]');
    await page.waitForSelector('.inbox .alert-firing a:has-text("FeatureDrift")');
    check((await page.textContent('.inbox')).includes('bmi'), 'which features');
    await axe(page, 'real alerts');
    await page.click('.feature-tags a:has-text("bmi")');
    await page.waitForSelector('.pairs svg');
    check((await page.textContent('h1')).includes('Drifted'), 'the verdict');
    await page.goto(`${s.url}/endpoints/diabetes/performance`);
    await page.waitForSelector('.uplot-box canvas');
    await axe(page, 'real performance');
    await page.goto(`${s.url}/endpoints/diabetes/story`);
    await page.waitForSelector('.story-item:has-text("FeatureDrift fires")');

    const started = await fetch(`${s.url}/api/v1/endpoints/diabetes/rollout`, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ version: '2', strategy: { shadow: 20, canary: [10, 100], every: '300s', min_requests: 100000, check: '1s', abort: ['not_finite > 0'] } }) });
    equal(started.status, 201, 'a rollout began');
    await page.goto(`${s.url}/endpoints/diabetes`);
    await page.waitForSelector('.step-now:has-text("10%")');
    await page.waitForSelector('.rule .tick-ok');
    await axe(page, 'real rollout');
    await shot(page, 'rollout');
    await page.click('.rollout button:has-text("Pause")');
    check((await page.textContent('dialog')).includes('keeps its 10%'), 'what a pause changes');
    await page.click('dialog button[type=submit]');
    await page.waitForSelector('.rollout-paused');
    await page.click('.rollout button:has-text("Promote now")');
    check((await page.textContent('dialog')).includes('v2 answers all requests of diabetes, now 10%'), 'what a promotion changes');
    await page.click('dialog button[type=submit]');
    await page.waitForSelector('.rollout-promoted:has-text("v2 took over from v1")');
    const now = await (await fetch(`${s.url}/api/v1/endpoints/diabetes`)).json();
    equal(now.version, '2', 'the server says so too');
    calm(page, 'real');
  } finally {
    traffic.kill('SIGKILL');
    await close(page);
    await s.stop();
    rmSync(dir, { recursive: true, force: true });
  }
});
