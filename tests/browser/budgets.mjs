// SPDX-License-Identifier: Apache-2.0
// Sizes of what a browser loads and of what the binary holds, and that nothing in it names a host.
import { readFileSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { check, root, test } from './lib.mjs';

const KB = 1000, LIMITS = { firstJs: 60 * KB, css: 15 * KB, chunk: 40 * KB, all: 600 * KB };
const out = join(root, process.env.SLIPWAY_WEB_OUT ?? 'build/src/api/ui/ui_web');
const files = () => JSON.parse(readFileSync(join(out, 'manifest.json'), 'utf8')).files;
const gz = (name) => gzipSync(readFileSync(join(out, name)), { level: 9 }).length;

function closure(all, name, seen = new Set()) {
  if (!seen.has(name)) {
    seen.add(name);
    for (const i of all[name].imports) closure(all, i, seen);
  }
  return seen;
}

test('budgets: script of the first load ≤ 60 kB gzip', () => {
  const all = files(), main = Object.keys(all).find((f) => all[f].role === 'main');
  const sum = [...closure(all, main)].reduce((s, f) => s + gz(f), 0);
  check(sum <= LIMITS.firstJs, `${sum} bytes`);
});

test('budgets: style ≤ 15 kB gzip', () => {
  const all = files(), sum = Object.keys(all).filter((f) => all[f].role === 'style').reduce((s, f) => s + gz(f), 0);
  check(sum > 0 && sum <= LIMITS.css, `${sum} bytes`);
});

test('budgets: each lazy chunk ≤ 40 kB gzip', () => {
  const all = files(), main = Object.keys(all).find((f) => all[f].role === 'main'), first = closure(all, main);
  for (const f of Object.keys(all).filter((x) => !first.has(x) && x.endsWith('.js'))) check(gz(f) <= LIMITS.chunk, `${f}: ${gz(f)} bytes`);
});

test('budgets: all files in the binary ≤ 600 kB', () => {
  const bytes = statSync(join(out, '../ui_assets.bin')).size;
  check(bytes > 50 * KB && bytes <= LIMITS.all, `${bytes} bytes`);
});

test('budgets: no file names another host', () => {
  for (const f of readdirSync(out).filter((x) => /\.(js|css)$/.test(x))) {
    const hosts = [...readFileSync(join(out, f), 'utf8').matchAll(/\bhttps?:\/\/[\w.-]+/g)].map((m) => m[0]).filter((h) => h !== 'http://www.w3.org');
    check(hosts.length === 0, `${f}: ${[...new Set(hosts)].join(' ')}`);
    check(!/\beval\(|new Function\(/.test(readFileSync(join(out, f), 'utf8')), `${f} evaluates text`);
  }
});

/* Not run as code: the forms are read off the source, each piece between its %s must stand in C. */
test('phrases: every sentence that the page translates is one that the server makes', () => {
  const forms = [...readFileSync(join(root, 'web/src/phrases.ts'), 'utf8').matchAll(/^  \[(?:'((?:[^'\\]|\\.)*)'|"([^"]*)"), \(/gm)].map((m) => m[1] ?? m[2]);
  const c = (dir) => readdirSync(dir, { withFileTypes: true }).map((e) => (e.isDirectory() ? c(join(dir, e.name)) : e.name.endsWith('.c') ? readFileSync(join(dir, e.name), 'utf8').replace(/"\s*\n\s*"/g, '') : '')).join('\n');
  const all = ['project', 'codec', 'api', 'monitor', 'rollout'].map((d) => c(join(root, 'src', d))).join('\n');
  check(forms.length > 20, `${forms.length} forms`);
  for (const f of forms) for (const piece of f.split(/%s| \(no champion yet\)/).map((p) => p.trim()).filter((p) => p.length > 1)) check(all.includes(piece), `no source says "${piece}" of "${f}"`);
});
