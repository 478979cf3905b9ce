// SPDX-License-Identifier: Apache-2.0
// Checks the message files against the sources: every t('…') key must stand in each language, every
// key in a file must be used, and a translation must use the same {names} as its key. Keys are the
// English text. `node i18n/check.mjs` prints problems; `--fix` adds missing and drops unused keys
// (English with the key as its text; other languages get an empty text, which the check then reports).
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

function sources(dir) {
  return readdirSync(dir, { withFileTypes: true }).flatMap((e) =>
    e.isDirectory() ? sources(join(dir, e.name)) : /\.tsx?$/.test(e.name) ? [join(dir, e.name)] : []);
}

/* Keys of t('…') and msg('…'): literals only, so that this scan sees every one. */
function usedKeys(dir) {
  const keys = new Map();
  const problems = [];
  for (const file of sources(dir)) {
    const text = readFileSync(file, 'utf8');
    for (const m of text.matchAll(/\b(?:t|msg)\(\s*(?:'((?:[^'\\]|\\.)*)'|([^\s']))/g)) {
      if (m[1] === undefined) {
        if (!/i18n\.ts$/.test(file) && m[2] !== ')' && !text.slice(m.index).startsWith('t(label')
            && !/\bt\(key\)/.test(m[0] + text.slice(m.index + m[0].length, m.index + m[0].length + 8)))
          problems.push(`${file}: the key of t() must be a single-quoted literal near: ${text.slice(m.index, m.index + 40)}`);
        continue;
      }
      keys.set(m[1].replace(/\\(.)/g, '$1'), file);
    }
  }
  return { keys, problems };
}

const names = (text) => [...new Set([...text.matchAll(/\{(\w+)/g)].map((m) => m[1])
  .filter((n) => !['one', 'other', 'few', 'many', 'zero', 'two'].includes(n)))].sort().join(',');

export function checkMessages(srcDir, i18nDir, fix = false) {
  const { keys, problems } = usedKeys(srcDir);
  for (const lang of ['en', 'zh-CN']) {
    const path = join(i18nDir, `${lang}.json`);
    const have = JSON.parse(readFileSync(path, 'utf8'));
    const next = {};
    for (const key of [...keys.keys()].sort()) {
      if (have[key] === undefined || have[key] === '') {
        if (!fix || lang !== 'en') problems.push(`${lang}.json: missing ${JSON.stringify(key)} (${keys.get(key)})`);
        next[key] = lang === 'en' ? key : '';
      } else {
        next[key] = have[key];
        const plural = /\{\w+, plural,/.test(have[key]);
        if (names(key) !== names(plural ? have[key].replace(/\b(one|other) \{[^{}]*\}/g, '') : have[key]))
          problems.push(`${lang}.json: ${JSON.stringify(key)} and its text use different {names}`);
      }
    }
    for (const key of Object.keys(have))
      if (!keys.has(key) && !fix) problems.push(`${lang}.json: unused ${JSON.stringify(key)}`);
    if (fix) writeFileSync(path, JSON.stringify(next, null, 1) + '\n');
  }
  return problems;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const here = dirname(fileURLToPath(import.meta.url));
  const problems = checkMessages(join(here, '../src'), here, process.argv.includes('--fix'));
  for (const p of problems) console.error(p);
  process.exit(problems.length ? 1 : 0);
}
