// SPDX-License-Identifier: Apache-2.0
// Bundles web/src into web/out with hashed names and writes out/manifest.json, which scripts/mkassets
// turns into the table inside the binary: which file is the entry, the style sheet, each view's chunk
// and each language. Fails on missing or unused messages. `--watch` rebuilds on change.
import { build, context } from 'esbuild';
import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { checkMessages } from './i18n/check.mjs';

const here = dirname(fileURLToPath(import.meta.url));
const argOut = process.argv.indexOf('--out');
const out = argOut > 0 ? process.argv[argOut + 1] : join(here, 'out');

/* Messages ship without the entries whose text is the key itself: t() falls back to the key. */
const messages = {
  name: 'messages',
  setup(b) {
    b.onLoad({ filter: /i18n[\\/][\w-]+\.json$/ }, (args) => {
      const all = JSON.parse(readFileSync(args.path, 'utf8'));
      const kept = Object.fromEntries(Object.entries(all).filter(([k, v]) => k !== v));
      return { contents: `export default ${JSON.stringify(kept)}`, loader: 'js' };
    });
  },
};

/* Whoever gets the page gets the licences of what is in it. */
function licenses() {
  return ['preact', '@preact/signals', '@preact/signals-core', 'uplot'].map((name) => {
    const dir = join(here, 'node_modules', name), { version, license } = JSON.parse(readFileSync(join(dir, 'package.json'), 'utf8'));
    let text = '';
    try {
      text = readFileSync(join(dir, 'LICENSE'), 'utf8').trim();
    } catch {
      text = '(its package holds no licence text)';
    }
    return `${name} ${version} (${license})\n\n${text}\n`;
  }).join('\n----\n\n');
}

const manifest = {
  name: 'manifest',
  setup(b) {
    b.onEnd((result) => {
      if (result.errors.length || !result.metafile) return;
      const outputs = result.metafile.outputs;
      const files = {};
      for (const [path, o] of Object.entries(outputs)) {
        const entry = o.entryPoint ? o.entryPoint.replace(/\\/g, '/') : '';
        let role = 'chunk';
        if (path.endsWith('.css')) role = 'style';
        else if (/src\/main\.tsx$/.test(entry)) role = 'main';
        else if (/src\/views\/(\w+)\.tsx$/.test(entry)) role = `view:${basename(entry, '.tsx')}`;
        else if (/i18n\/([\w-]+)\.json$/.test(entry)) role = `lang:${basename(entry, '.json')}`;
        files[basename(path)] = {
          role,
          bytes: o.bytes,
          imports: o.imports.filter((i) => i.kind === 'import-statement').map((i) => basename(i.path)),
        };
      }
      const text = licenses(), name = `licenses-${createHash('sha256').update(text).digest('hex').slice(0, 8)}.txt`;
      writeFileSync(join(out, name), text);
      files[name] = { role: 'text', bytes: text.length, imports: [] };
      writeFileSync(join(out, 'manifest.json'), JSON.stringify({ files }, null, 1));
    });
  },
};

const options = {
  absWorkingDir: here,
  entryPoints: { main: 'src/main.tsx', style: 'styles/app.css' },
  outdir: out,
  entryNames: '[name]-[hash]',
  chunkNames: '[name]-[hash]',
  assetNames: '[name]-[hash]',
  bundle: true,
  splitting: true,
  format: 'esm',
  target: 'es2022',
  jsx: 'automatic',
  jsxImportSource: 'preact',
  minify: !process.argv.includes('--dev'),
  legalComments: 'none',
  metafile: true,
  logLevel: 'warning',
  plugins: [messages, manifest],
};

const problems = checkMessages(join(here, 'src'), join(here, 'i18n'));
if (problems.length) {
  for (const p of problems) console.error(p);
  process.exit(1);
}
rmSync(out, { recursive: true, force: true });
mkdirSync(out, { recursive: true });
if (process.argv.includes('--watch')) {
  const c = await context(options);
  await c.watch();
  console.error('watching web/src');
} else {
  await build(options);
}
