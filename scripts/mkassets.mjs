// SPDX-License-Identifier: Apache-2.0
// Bundles web/, compresses each file with gzip 9 and brotli 11 (Node's zlib, no other tool), and
// writes one blob, the assembler stub that includes it, the table in C and a depfile. Files are
// written only when they change. Called by scripts/mkassets: mkassets.mjs ROOT OUT DEPFILE
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { extname, join, relative, resolve } from 'node:path';
import { brotliCompressSync, constants, gzipSync } from 'node:zlib';

const [root, out, dep] = process.argv.slice(2).map((p) => resolve(p));
const built = join(out, 'ui_web');
const types = { '.js': 'text/javascript; charset=utf-8', '.css': 'text/css; charset=utf-8', '.txt': 'text/plain; charset=utf-8' };

function write(path, data) {
  if (existsSync(path) && Buffer.compare(readFileSync(path), Buffer.from(data)) === 0) return;
  writeFileSync(path, data);
}

function walk(dir) {
  return readdirSync(dir, { withFileTypes: true }).flatMap((e) =>
    e.name === 'node_modules' || e.name === 'out' ? [] : e.isDirectory() ? walk(join(dir, e.name)) : [join(dir, e.name)]);
}

/* A string for C: our paths and types are plain ASCII. */
const c = (text) => JSON.stringify(text);

mkdirSync(out, { recursive: true });
execFileSync(process.execPath, [join(root, 'web/build.mjs'), '--out', built], { stdio: ['ignore', 'inherit', 'inherit'] });
const { files } = JSON.parse(readFileSync(join(built, 'manifest.json'), 'utf8'));
const blob = [];
let at = 0;
const put = (bytes) => {
  const from = at;
  blob.push(bytes);
  at += bytes.length;
  return `blob + ${from}, ${bytes.length}`;
};
const rows = Object.keys(files).sort().map((name) => {
  const raw = readFileSync(join(built, name));
  const gz = gzipSync(raw, { level: 9, memLevel: 9 });
  gz[9] = 255; /* the operating system's byte, so that all machines make the same file */
  const br = brotliCompressSync(raw, { params: { [constants.BROTLI_PARAM_QUALITY]: 11, [constants.BROTLI_PARAM_LGWIN]: 22, [constants.BROTLI_PARAM_SIZE_HINT]: raw.length } });
  const etag = createHash('sha256').update(raw).digest('hex').slice(0, 16);
  /* Compressed forms only: the rare client without gzip gets it inflated. */
  return `    { ${c(name)}, ${c(types[extname(name)] ?? 'application/octet-stream')}, ${c(files[name].role)}, ${c(files[name].imports.join(' '))}, ${c(etag)}, ${raw.length},\n      ${put(gz)}, ${put(br)} },`;
});
const all = Buffer.concat(blob), sum = createHash('sha256').update(all).digest('hex');
write(join(out, 'ui_assets.bin'), all);
write(join(out, 'ui_assets.S'), `/* ${sum} */
.section .rodata
.global ui_assets_blob
.hidden ui_assets_blob
.balign 16
ui_assets_blob:
.incbin ${c(join(out, 'ui_assets.bin'))}
.byte 0
.section .note.GNU-stack,"",%progbits
`);
write(join(out, 'ui_assets.c'), `#include "api/ui/assets.h"

extern const unsigned char ui_assets_blob[];
#define blob ui_assets_blob

static const struct ui_asset table[] = {
${rows.join('\n')}
};

const struct ui_asset *ui_asset_table(size_t *out_n)
{
    *out_n = sizeof table / sizeof table[0];
    return table;
}
`);
const sources = [...walk(join(root, 'web')), join(root, 'web'), join(root, 'web/node_modules'), join(root, 'scripts/mkassets.mjs')].filter((f) => existsSync(f));
write(dep, `ui_assets.S: ${sources.map((f) => relative(process.cwd(), f).replace(/[ $#]/g, '\\$&')).join(' \\\n  ')}\n`);
