// SPDX-License-Identifier: Apache-2.0
// The pictures of the documents, docs/images/*.png, from a real run: node tests/browser/pictures.mjs
// Not a test. Project, two versions, a server, an endpoint under a little load, then Chromium.
import { execFileSync, spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { close, open, quit, root, visit } from './lib.mjs';

const bin = resolve(process.env.SLIPWAY_BIN ?? join(root, 'build/slipway'));
const to = join(root, 'docs/images');
const dir = mkdtempSync(join(tmpdir(), 'slipway-pictures-')), project = join(dir, 'diabetes');
const slipway = (cwd, ...args) => execFileSync(bin, args, { cwd, stdio: ['ignore', 'pipe', 'ignore'] }).toString();
const wait = (ms) => new Promise((done) => setTimeout(done, ms));

mkdirSync(to, { recursive: true });
slipway(dir, 'init', 'diabetes', '--template', 'regression');
slipway(project, 'run');
const child = spawn(bin, ['server', '--listen', '127.0.0.1:0', '--serve', 'off'], { cwd: project, stdio: ['ignore', 'pipe', 'ignore'] });
const url = (await new Promise((done) => createInterface({ input: child.stdout }).once('line', done))).trim();
slipway(project, 'deploy', 'diabetes');
slipway(project, 'run', '-p', 'alpha=10');
slipway(project, 'promote', 'diabetes', '--reason', 'simpler, no worse');
const { input_example: example } = JSON.parse(slipway(project, 'status', 'endpoint/diabetes', '--json'));
let asking = true;
const load = (async () => {
  for (let i = 0; asking; i++) {
    const row = { ...example, age: 20 + (i * 7) % 60, bmi: 19 + (i * 3) % 20 };
    await fetch(`${url}/v1/models/diabetes:predict`, { method: 'POST', body: JSON.stringify({ instances: [row] }) });
    await wait(4 + 8 * Math.abs(Math.sin(i / 300)));
  }
})();
await wait(25000);

const pictures = [
  ['version', '/models/diabetes/2', 'en'],
  ['endpoint', '/endpoints/diabetes', 'en'],
  ['version-zh', '/models/diabetes/2', 'zh-CN'],
];
for (const [name, path, lang] of pictures) {
  const page = await open({ lang, width: 1280, height: 900 });
  await visit(page, url, path);
  await wait(2500);
  await page.screenshot({ path: join(to, `${name}.png`) });
  await close(page);
}
asking = false;
await load;
await quit();
child.kill('SIGTERM');
await new Promise((done) => child.once('exit', done));
rmSync(dir, { recursive: true, force: true });
