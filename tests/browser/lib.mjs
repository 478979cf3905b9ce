// SPDX-License-Identifier: Apache-2.0
// What the browser tests share: Chromium, a page that watches itself (console, foreign hosts, failed
// requests), axe-core, and a runner that prints TAP.
import { spawn } from 'node:child_process';
import { readFileSync, mkdirSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { chromium } from 'playwright-core';

export const root = join(dirname(fileURLToPath(import.meta.url)), '../..');
const axeSource = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
export const shots = join(root, 'build/screenshots');
mkdirSync(shots, { recursive: true });

export const NODES_MAX = 3000;

/* ---- runner ---- */
const tests = [];
export const test = (name, fn) => tests.push({ name, fn });

export class Failed extends Error {}
export function check(condition, text) {
  if (!condition) throw new Failed(text);
}
export const equal = (got, want, what) => check(got === want, `${what}: got ${JSON.stringify(got)}, want ${JSON.stringify(want)}`);

/* Runs all tests whose name has the filter; returns how many failed. */
export async function runAll(filter = '') {
  let n = 0, failed = 0;
  for (const { name, fn } of tests.filter((x) => x.name.includes(filter))) {
    n++;
    try {
      await fn();
      console.log(`ok ${n} - ${name}`);
    } catch (e) {
      failed++;
      console.log(`# ${(e instanceof Failed ? e.message : e.stack ?? String(e)).split('\n').join('\n# ')}`);
      console.log(`not ok ${n} - ${name}`);
    }
  }
  console.log(`1..${n}\n# ${n - failed} passed, ${failed} failed`);
  return failed;
}

/* ---- the real server ---- */
export const bin = resolve(process.env.SLIPWAY_BIN ?? join(root, 'build/slipway'));

export async function server(cwd, more = []) {
  const child = spawn(bin, ['server', '--listen', '127.0.0.1:0', '--serve', 'off', ...more], { cwd, stdio: ['ignore', 'pipe', 'pipe'] });
  let said = '';
  child.stderr.on('data', (d) => (said += d));
  const url = await new Promise((done, fail) => {
    createInterface({ input: child.stdout }).once('line', done);
    child.once('exit', (code) => fail(new Error(`the server ended with ${code}: ${said}`)));
  });
  return { url: url.trim().replace(/\/$/, ''), stop: () => new Promise((done) => { child.once('exit', done); child.kill('SIGTERM'); }) };
}

/* ---- browser ---- */
let browser = null;
export async function open({ lang = 'en', theme = 'light', width = 1280, height = 860, forcedColors = 'none' } = {}) {
  browser ??= await chromium.launch({ executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium', args: ['--no-sandbox', '--disable-gpu'] });
  const context = await browser.newContext({ viewport: { width, height }, locale: lang, colorScheme: theme, reducedMotion: 'reduce', forcedColors, timezoneId: 'UTC' });
  const page = await context.newPage();
  page.setDefaultTimeout(30000);
  page.complaints = [];
  page.sent = [];
  page.on('console', (m) => ['error', 'warning'].includes(m.type()) && page.complaints.push(`console ${m.type()}: ${m.text()}`));
  page.on('pageerror', (e) => page.complaints.push(`exception: ${e.message}`));
  page.on('request', (r) => {
    const u = new URL(r.url());
    page.sent.push({ path: u.pathname + u.search, method: r.method(), type: r.resourceType() });
    if (page.home && u.protocol.startsWith('http') && u.host !== page.home) page.complaints.push(`request to another host: ${r.url()}`);
  });
  return page;
}
export const close = (page) => page.context().close();
export const quit = () => browser?.close();

export async function visit(page, url, path) {
  page.home = new URL(url).host;
  await page.goto(url + path);
  await page.waitForSelector('main h1');
  await page.waitForFunction(() => document.querySelector('main')?.getAttribute('aria-busy') !== 'true');
}

/* What must hold on every page. */
export function calm(page, where) {
  check(page.complaints.length === 0, `${where}: ${page.complaints.join('; ')}`);
}

export async function nodes(page, where) {
  const n = await page.evaluate(() => document.querySelectorAll('*').length);
  check(n <= NODES_MAX, `${where}: ${n} nodes, at most ${NODES_MAX}`);
  return n;
}

export async function fits(page, where) {
  const [over, what] = await page.evaluate(() => {
    const d = document.documentElement, over = d.scrollWidth - d.clientWidth;
    const out = over > 0 ? [...document.querySelectorAll('main *')].filter((e) => e.getBoundingClientRect().right > d.clientWidth + 1 && !e.closest('.table-scroll, .lineage-scroll, .tablist, code, pre')) : [];
    return [over, out.slice(0, 4).map((e) => `${e.tagName}.${e.getAttribute('class')}`).join(' ')];
  });
  check(over <= 0, `${where}: the page is ${over} px too wide: ${what}`);
}

export async function axe(page, where) {
  await page.evaluate(`if (!window.axe) { ${axeSource} }`);
  const found = await page.evaluate(() => window.axe.run(document, { runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa'], resultTypes: ['violations'] })
    .then((r) => r.violations.map((v) => `${v.id}: ${v.nodes.slice(0, 3).map((n) => `${n.target.join(' ')} (${(n.any[0] ?? n.all[0] ?? n.none[0])?.message ?? ''})`).join(' | ')}`)));
  check(found.length === 0, `${where}: ${found.join('\n')}`);
}

export async function shot(page, name) {
  await page.evaluate(() => scrollTo(0, 0));
  await page.screenshot({ path: join(shots, `${name}.png`), fullPage: true });
}
