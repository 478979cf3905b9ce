// SPDX-License-Identifier: Apache-2.0
// Files of a run or a version: a tree, and what a file holds as text, JSON tree, table, picture, sound,
// film, PDF, Markdown, or a web page without any rights. Nothing above 1 MB is loaded unasked. What the
// browser fetches by itself (frames, sound, films) comes by a ticket when there is a token.
import { useEffect, useMemo, useState } from 'preact/hooks';
import { call, get, send, token } from '../api';
import { bytes, int } from '../format';
import { t } from '../i18n';
import { href, route, seg, setQuery } from '../router';
import { CommandLine, Empty } from './bits';
import { Icon } from './icons';
import { Markdown } from './markdown';
import { Table, type Col } from './table';

interface Entry { path: string; dir: boolean; size: number }
export type Source = { run: string } | { model: string; version: string; files: { path: string; bytes: number }[] };

const ASK_FROM = 1 << 20, LINES_MAX = 2000, KIDS_MAX = 100, TABLE_COLUMNS = 100;
const nameOf = (path: string) => path.slice(path.lastIndexOf('/') + 1);
const pathUrl = (path: string) => path.split('/').map(seg).join('/');

function urlOf(s: Source, path: string): string {
  return 'run' in s ? `/get-artifact?run_id=${seg(s.run)}&path=${seg(path)}` : `/api/v1/models/${seg(s.model)}/versions/${seg(s.version)}/files/${pathUrl(path)}`;
}

/* One folder: from the server for a run, from the list for a version. */
async function folder(s: Source, dir: string): Promise<Entry[]> {
  if ('run' in s) {
    const all: Entry[] = [];
    for (let token = '', n = 0; n < 20; n++) {
      const a = await get<{ files?: { path: string; is_dir: boolean; file_size?: number | string }[]; next_page_token?: string }>(`/ajax-api/2.0/mlflow/artifacts/list?run_id=${seg(s.run)}${dir ? `&path=${seg(dir)}` : ''}${token ? `&page_token=${seg(token)}` : ''}`);
      for (const f of a.files ?? []) all.push({ path: f.path, dir: f.is_dir, size: Number(f.file_size ?? 0) });
      token = a.next_page_token ?? '';
      if (!token) break;
    }
    return all;
  }
  const prefix = dir ? `${dir}/` : '', seen = new Map<string, Entry>();
  for (const f of s.files) {
    if (!f.path.startsWith(prefix)) continue;
    const rest = f.path.slice(prefix.length), cut = rest.indexOf('/'), path = prefix + (cut < 0 ? rest : rest.slice(0, cut)), old = seen.get(path);
    seen.set(path, { path, dir: cut >= 0, size: (old?.size ?? 0) + f.bytes });
  }
  return [...seen.values()];
}

function Folder({ source, dir, depth, onPick, at }: { source: Source; dir: string; depth: number; onPick: (e: Entry) => void; at: string }) {
  const [list, setList] = useState<Entry[] | null>(null), [error, setError] = useState(''), [open, setOpen] = useState<Set<string>>(new Set());
  useEffect(() => {
    let stop = false;
    folder(source, dir).then((l) => {
      if (stop) return;
      l.sort((a, b) => Number(b.dir) - Number(a.dir) || a.path.localeCompare(b.path));
      setList(l);
      const way = l.filter((e) => e.dir && at.startsWith(`${e.path}/`)).map((e) => e.path);
      if (way.length) setOpen(new Set(way));
      const here = l.find((e) => !e.dir && e.path === at);
      if (here) onPick(here);
    }, (e: Error) => !stop && setError(e.message));
    return () => { stop = true; };
  }, [dir, 'run' in source ? source.run : source.version]);
  if (error) return <p class="inline-error" role="alert">{error}</p>;
  if (!list) return <p class="muted">{t('Loading')}…</p>;
  if (!list.length && !depth) return <p class="muted">{t('No files')}</p>;
  return (
    <ul class="files">{list.slice(0, 1000).map((e) => (
      <li key={e.path}>
        {e.dir ? <button type="button" class="file" aria-expanded={open.has(e.path)} onClick={() => { const s = new Set(open); if (!s.delete(e.path)) s.add(e.path); setOpen(s); }}><span class={`twist${open.has(e.path) ? ' open' : ''}`} aria-hidden="true">›</span><span class="grow">{nameOf(e.path)}/</span></button>
          : <button type="button" class="file" aria-current={e.path === at ? 'true' : undefined} onClick={() => onPick(e)}><span class="twist" /><span class="grow">{nameOf(e.path)}</span><span class="muted num">{bytes(e.size)}</span></button>}
        {e.dir && open.has(e.path) && <Folder source={source} dir={e.path} depth={depth + 1} onPick={onPick} at={at} />}
      </li>))}</ul>
  );
}

/* ---- what is in a file ---- */

type Kind = 'text' | 'json' | 'table' | 'parquet' | 'image' | 'audio' | 'video' | 'pdf' | 'markdown' | 'html' | 'none';
const STREAMED: Kind[] = ['html', 'pdf', 'audio', 'video'];
function kindOf(path: string): Kind {
  const end = /\.([a-z0-9]+)$/i.exec(path)?.[1]?.toLowerCase() ?? '';
  if (['json', 'geojson', 'ipynb'].includes(end)) return 'json';
  if (['csv', 'tsv'].includes(end)) return 'table';
  if (['png', 'jpg', 'jpeg', 'gif', 'webp', 'svg', 'bmp', 'avif'].includes(end)) return 'image';
  if (['md', 'markdown'].includes(end)) return 'markdown';
  if (['html', 'htm'].includes(end)) return 'html';
  if (['parquet', 'pq'].includes(end)) return 'parquet';
  if (['mp3', 'wav', 'ogg', 'oga', 'opus', 'flac', 'm4a', 'aac'].includes(end)) return 'audio';
  if (['mp4', 'webm', 'mov', 'ogv', 'm4v'].includes(end)) return 'video';
  if (end === 'pdf') return 'pdf';
  if (['onnx', 'pkl', 'pickle', 'joblib', 'bin', 'pt', 'pth', 'h5', 'npy', 'npz', 'zip', 'gz', 'tar', 'safetensors', 'ubj', 'cbm', 'model', 'so'].includes(end)) return 'none';
  return 'text';
}

function Node({ name, value, depth }: { name?: string; value: unknown; depth: number }) {
  const [open, setOpen] = useState(depth < 2), [most, setMost] = useState(KIDS_MAX);
  const label = name === undefined ? null : <span class="json-key">{name}: </span>;
  if (value === null || typeof value !== 'object') return <div class="json-leaf">{label}<span class={`json-${value === null ? 'null' : typeof value}`}>{JSON.stringify(value)}</span></div>;
  const kids = Array.isArray(value) ? value.map((v, i) => [String(i), v] as const) : Object.entries(value as Record<string, unknown>);
  const what = Array.isArray(value) ? `[${kids.length}]` : `{${kids.length}}`;
  return (
    <div><button type="button" class="json-fold" aria-expanded={open} onClick={() => setOpen(!open)}><span class={`twist${open ? ' open' : ''}`} aria-hidden="true">›</span>{label}<span class="muted">{what}</span></button>
      {open && <div class="json-kids">{kids.slice(0, most).map(([k, v]) => <Node key={k} name={k} value={v} depth={depth + (kids.length > 20 ? 2 : 1)} />)}
        {kids.length > most && <button type="button" class="link-button" onClick={() => setMost(most + KIDS_MAX)}>{t('Show {n} more', { n: Math.min(KIDS_MAX, kids.length - most) })}</button>}</div>}
    </div>
  );
}

/* RFC 4180, with the delimiter of the file's kind. */
export function parseCsv(text: string, delimiter: string): string[][] {
  const rows: string[][] = [];
  let row: string[] = [], cell = '', quoted = false;
  for (let i = 0; i < text.length; i++) {
    const c = text[i]!;
    if (quoted) {
      if (c !== '"') cell += c;
      else if (text[i + 1] === '"') { cell += '"'; i++; } else quoted = false;
    } else if (c === '"' && cell === '') quoted = true;
    else if (c === delimiter) { row.push(cell); cell = ''; }
    else if (c === '\n' || c === '\r') {
      if (c === '\r' && text[i + 1] === '\n') i++;
      row.push(cell); rows.push(row); row = []; cell = '';
    } else cell += c;
  }
  if (cell || row.length) { row.push(cell); rows.push(row); }
  return rows;
}

function CsvTable({ text, path }: { text: string; path: string }) {
  const rows = useMemo(() => parseCsv(text, path.endsWith('.tsv') ? '\t' : ','), [text, path]), head = rows[0] ?? [];
  const body = useMemo(() => rows.slice(1).map((r, i) => ({ i, r })), [rows]);
  const columns = useMemo(() => head.slice(0, TABLE_COLUMNS).map((label, k): Col<{ i: number; r: string[] }> => {
    const numeric = body.slice(0, 200).every(({ r }) => !r[k] || Number.isFinite(Number(r[k])));
    return { id: String(k), label: label || String(k + 1), numeric, value: ({ r }) => (numeric && r[k] ? Number(r[k]) : r[k] ?? ''), render: ({ r }) => <span class="num">{(r[k] ?? '').slice(0, 200)}</span> };
  }), [head, body]);
  return <><p class="muted num">{t('{n} rows, {k} columns', { n: int(body.length), k: int(head.length) })}{head.length > TABLE_COLUMNS ? ` · ${t('The first {n} columns.', { n: TABLE_COLUMNS })}` : ''}</p>
    <Table label={nameOf(path)} rows={body} columns={columns} rowKey={(x) => String(x.i)} /></>;
}

function Picture({ blob, path }: { blob: Blob; path: string }) {
  const [url, setUrl] = useState('');
  useEffect(() => {
    const end = /\.(\w+)$/.exec(path)?.[1]?.toLowerCase() ?? 'png';
    const u = URL.createObjectURL(new Blob([blob], { type: `image/${end === 'svg' ? 'svg+xml' : end === 'jpg' ? 'jpeg' : end}` }));
    setUrl(u);
    return () => URL.revokeObjectURL(u);
  }, [blob, path]);
  return url ? <div class="picture"><img src={url} alt={nameOf(path)} /></div> : null;
}

/* ---- tables that the server reads: the first rows, by a fenced child ---- */

interface Preview { row_count: number | null; column_count: number; columns: { name: string; type: string }[]; rows: (string | null)[][] }
const PREVIEW_ROWS = 200;

function PreviewTable({ url, path }: { url: string; path: string }) {
  const [p, set] = useState<Preview | null>(null), [error, setError] = useState('');
  useEffect(() => {
    const stop = new AbortController();
    set(null);
    setError('');
    get<Preview>(`/api/v1/preview?rows=${PREVIEW_ROWS}&of=${seg(url)}`, stop.signal).then(set, (e: Error) => !stop.signal.aborted && setError(e.message));
    return () => stop.abort();
  }, [url]);
  const body = useMemo(() => p?.rows.map((r, i) => ({ i, r })) ?? [], [p]);
  const columns = useMemo(() => p?.columns.map((c, k): Col<{ i: number; r: (string | null)[] }> => {
    const numeric = /INT|DOUBLE|FLOAT|DECIMAL/.test(c.type) && !/[[(]?\]$|STRUCT|MAP/.test(c.type);
    return { id: String(k), label: c.name, group: c.type.length > 24 ? `${c.type.slice(0, 23)}…` : c.type, numeric, value: ({ r }) => (numeric && r[k] !== null ? Number(r[k]) : r[k]), render: ({ r }) => (r[k] === null ? <span class="muted">–</span> : <span class={numeric ? 'num' : undefined}>{r[k]}</span>) };
  }) ?? [], [p]);
  if (error) return <p class="inline-error" role="alert">{error}</p>;
  if (!p) return <div class="sk sk-block" role="status" aria-label={t('Loading')} />;
  return <><p class="muted num">{p.row_count === null ? t('The first {n} rows, {k} columns', { n: int(body.length), k: int(p.column_count) }) : t('The first {n} of {all} rows, {k} columns', { n: int(body.length), all: int(p.row_count), k: int(p.column_count) })}{p.column_count > p.columns.length ? ` · ${t('The first {n} columns.', { n: p.columns.length })}` : ''}</p>
    <Table label={nameOf(path)} rows={body} columns={columns} rowKey={(x) => String(x.i)} /></>;
}

/* What the browser plays or frames by itself. A page and what it holds stay in a sandbox without an
 * origin; a PDF is shown by the browser's own viewer, which refuses sandboxes: the server names its
 * type and lets it be nothing else. */
function Streamed({ kind, url, path }: { kind: Kind; url: string; path: string }) {
  const [src, setSrc] = useState(''), [error, setError] = useState('');
  useEffect(() => {
    let stop = false;
    const plain = kind === 'html' || kind === 'pdf' ? `${url}${url.includes('?') ? '&' : '?'}inline=1` : url;
    setSrc('');
    setError('');
    if (!token.value) setSrc(href(plain));
    else send<{ query: string }>('POST', '/api/v1/tickets', { path: plain }).then((a) => !stop && setSrc(href(`${plain}${plain.includes('?') ? '&' : '?'}${a.query}`)), (e: Error) => !stop && setError(e.message));
    return () => { stop = true; };
  }, [kind, url]);
  const broken = () => setError(t('The browser cannot play this file. Download it instead.'));
  if (error) return <p class="inline-error" role="alert">{error}</p>;
  if (!src) return <div class="sk sk-block" role="status" aria-label={t('Loading')} />;
  switch (kind) {
    case 'audio': return <audio class="media" controls preload="metadata" src={src} aria-label={nameOf(path)} onError={broken} />;
    case 'video': return <video class="media" controls preload="metadata" src={src} aria-label={nameOf(path)} onError={broken} />;
    case 'pdf': return navigator.pdfViewerEnabled === false ? <Empty title={t('This browser shows no PDF. Download it instead.')} /> : <iframe class="foreign tall" title={nameOf(path)} referrerpolicy="no-referrer" src={src} />;
    default: return <iframe class="foreign" title={nameOf(path)} sandbox="allow-scripts" referrerpolicy="no-referrer" src={src} />;
  }
}

function Content({ source, entry }: { source: Source; entry: Entry }) {
  const kind = kindOf(entry.path), url = urlOf(source, entry.path);
  const [asked, setAsked] = useState(false), [raw, setRaw] = useState(false), [blob, setBlob] = useState<Blob | null>(null), [text, setText] = useState<string | null>(null), [error, setError] = useState('');
  const go = kind !== 'none' && kind !== 'parquet' && (asked || entry.size <= ASK_FROM), streamed = STREAMED.includes(kind), large = kind === 'table' && !go;
  useEffect(() => {
    const stop = new AbortController();
    setBlob(null); setText(null); setError('');
    if (go && (!streamed || (kind === 'html' && raw))) void (async () => {
      try {
        const b = await (await call('GET', url, undefined, stop.signal)).blob();
        if (stop.signal.aborted) return;
        setBlob(b);
        if (kind !== 'image') setText(await b.text());
      } catch (e) {
        if (!stop.signal.aborted) setError((e as Error).message);
      }
    })();
    return () => stop.abort();
  }, [url, go, raw]);
  const save = () => void call('GET', url).then((r) => r.blob()).then((b) => {
    const a = document.createElement('a');
    a.href = URL.createObjectURL(b);
    a.download = nameOf(entry.path);
    a.click();
    setTimeout(() => URL.revokeObjectURL(a.href), 10_000);
  }, (e: Error) => setError(e.message));
  const lines = text?.split('\n') ?? [], plainText = () => <><pre class="log" tabIndex={0} role="region" aria-label={nameOf(entry.path)}>{lines.slice(0, LINES_MAX).join('\n')}</pre>{lines.length > LINES_MAX && <p class="muted">{t('The first {n} of {all} lines.', { n: LINES_MAX, all: lines.length })}</p>}</>;
  const json = useMemo(() => { if (kind !== 'json' || text === null) return undefined; try { return { value: JSON.parse(text) as unknown }; } catch { return undefined; } }, [text, kind]);
  const shown = () => {
    if (error) return <p class="inline-error" role="alert">{error}</p>;
    if (kind === 'none') return <Empty title={t('This kind of file is not shown here.')} why={bytes(entry.size)} />;
    if (kind === 'parquet' || (large && !raw)) return <PreviewTable url={url} path={entry.path} />;
    if (streamed && !(raw && kind === 'html')) return <Streamed kind={kind} url={url} path={entry.path} />;
    if (!go) return <div class="empty"><p class="empty-title">{t('This file has {size}.', { size: bytes(entry.size) })}</p><button type="button" class="button" onClick={() => setAsked(true)}>{t('Load it')}</button></div>;
    if (kind === 'image' ? !blob : text === null) return <div class="sk sk-block" role="status" aria-label={t('Loading')} />;
    if (kind === 'image') return <Picture blob={blob!} path={entry.path} />;
    if (raw) return plainText();
    if (kind === 'markdown') return <Markdown text={text!} />;
    if (kind === 'table') return <CsvTable text={text!} path={entry.path} />;
    if (json) return <div class="json" role="region" aria-label="JSON" tabIndex={0}><Node value={json.value} depth={0} /></div>;
    return plainText();
  };
  const other = ['json', 'table', 'markdown', 'html'].includes(kind);
  return (
    <div class="file-view">
      <div class="table-tools"><div class="grow"><code class="breakable">{entry.path}</code> <span class="muted num">{bytes(entry.size)}</span></div>
        {other && <button type="button" class="button small" aria-pressed={raw} onClick={() => setRaw(!raw)}>{t('As text')}</button>}
        <button type="button" class="button small" onClick={save}><Icon name="down" size={12} />{t('Download')}</button></div>
      {shown()}
    </div>
  );
}

export default function Artifacts({ source }: { source: Source }) {
  const at = route.value.query.get('file') ?? '';
  const [entry, setEntry] = useState<Entry | null>(null);
  const pick = (e: Entry) => { setEntry(e); if (e.path !== at) setQuery({ file: e.path }, true); };
  return <>
    <div class="artifacts">
      <nav class="file-tree" aria-label={t('Files')}><Folder source={source} dir="" depth={0} onPick={pick} at={at} /></nav>
      {entry ? <Content key={entry.path} source={source} entry={entry} /> : <p class="muted">{t('Choose a file.')}</p>}
    </div>
    {'run' in source && <CommandLine label="MLflow" text={`mlflow artifacts download --run-id ${source.run}`} />}
  </>;
}
