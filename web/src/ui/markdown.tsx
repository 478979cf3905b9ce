// SPDX-License-Identifier: Apache-2.0
// A small Markdown renderer that makes elements, never HTML text: headings, paragraphs, lists, quotes,
// fenced code, rules, tables, emphasis, code, links. Pictures become their words: nothing is loaded
// from elsewhere. Links may only lead to http(s) or mail.
import type { ComponentChildren } from 'preact';

const INLINE = /(`+)(.+?)\1(?!`)|!\[([^\]]*)\]\([^)\s]*[^)]*\)|\[([^\]]+)\]\(([^)\s]+)[^)]*\)|<(https?:\/\/[^>\s]+)>|\*\*(.+?)\*\*|__(.+?)__|\*([^*\s][^*]*)\*|_([^_\s][^_]*)_(?!\w)|~~(.+?)~~/;

function link(to: string, body: ComponentChildren): ComponentChildren {
  return /^(https?:|mailto:)/i.test(to) ? <a href={to} rel="noopener noreferrer nofollow" target="_blank">{body}</a> : <span title={to}>{body}</span>;
}

function inline(text: string, depth = 0): ComponentChildren[] {
  const out: ComponentChildren[] = [];
  let rest = text;
  for (let m = depth < 8 ? INLINE.exec(rest) : null; m; m = INLINE.exec(rest)) {
    if (m.index) out.push(rest.slice(0, m.index));
    if (m[2] !== undefined) out.push(<code>{m[2].trim()}</code>);
    else if (m[3] !== undefined) out.push(<em class="muted">{m[3] || '…'}</em>);
    else if (m[4] !== undefined) out.push(link(m[5]!, inline(m[4], depth + 1)));
    else if (m[6] !== undefined) out.push(link(m[6], m[6]));
    else if (m[7] ?? m[8]) out.push(<strong>{inline((m[7] ?? m[8])!, depth + 1)}</strong>);
    else if (m[9] ?? m[10]) out.push(<em>{inline((m[9] ?? m[10])!, depth + 1)}</em>);
    else out.push(<s>{m[11]}</s>);
    rest = rest.slice(m.index + m[0].length);
  }
  if (rest) out.push(rest);
  return out;
}

const cells = (line: string) => line.trim().replace(/^\||\|$/g, '').split('|').map((c) => c.trim());
const ITEM = /^(\s*)([-*+]|\d{1,9}[.)])\s+(.*)$/;

function blocks(lines: string[], depth: number): ComponentChildren[] {
  const out: ComponentChildren[] = [];
  for (let i = 0; i < lines.length;) {
    const line = lines[i]!, fence = /^\s*(```+|~~~+)/.exec(line), head = /^(#{1,6})\s+(.*?)\s*#*$/.exec(line);
    if (!line.trim()) { i++; continue; }
    if (fence) {
      const body: string[] = [];
      for (i++; i < lines.length && !lines[i]!.trim().startsWith(fence[1]!); i++) body.push(lines[i]!);
      i++;
      out.push(<pre class="log" tabIndex={0}>{body.join('\n')}</pre>);
    } else if (head) {
      const n = Math.min(6, head[1]!.length + 2), H = `h${n}` as 'h3';
      out.push(<H>{inline(head[2]!)}</H>);
      i++;
    } else if (/^\s*([-*_])(\s*\1){2,}\s*$/.test(line)) { out.push(<hr />); i++; }
    else if (/^\s*>/.test(line)) {
      const body: string[] = [];
      for (; i < lines.length && /^\s*>/.test(lines[i]!); i++) body.push(lines[i]!.replace(/^\s*> ?/, ''));
      out.push(<blockquote>{depth < 6 ? blocks(body, depth + 1) : body.join(' ')}</blockquote>);
    } else if (ITEM.test(line)) {
      const ordered = /\d/.test(ITEM.exec(line)![2]!), indent = ITEM.exec(line)![1]!.length, items: string[][] = [];
      for (; i < lines.length; i++) {
        const m = ITEM.exec(lines[i]!);
        if (m && m[1]!.length <= indent) items.push([m[3]!]);
        else if (lines[i]!.trim() && items.length && /^\s{2,}/.test(lines[i]!)) items[items.length - 1]!.push(lines[i]!.replace(/^\s{1,4}/, ''));
        else break;
      }
      const body = items.map((x) => <li>{inline(x[0]!)}{x.length > 1 && depth < 6 ? blocks(x.slice(1), depth + 1) : null}</li>);
      out.push(ordered ? <ol>{body}</ol> : <ul>{body}</ul>);
    } else if (line.includes('|') && /^\s*\|?\s*:?-+:?\s*(\|\s*:?-+:?\s*)*\|?\s*$/.test(lines[i + 1] ?? '')) {
      const rows: string[][] = [];
      const header = cells(line);
      for (i += 2; i < lines.length && lines[i]!.includes('|'); i++) rows.push(cells(lines[i]!));
      out.push(<div class="table-scroll" tabIndex={0}><table><thead><tr>{header.map((c) => <th scope="col">{inline(c)}</th>)}</tr></thead><tbody>{rows.map((r) => <tr>{header.map((_, k) => <td>{inline(r[k] ?? '')}</td>)}</tr>)}</tbody></table></div>);
    } else {
      const body: string[] = [];
      for (; i < lines.length && lines[i]!.trim() && !/^(\s*(```|~~~|>)|#{1,6}\s)/.test(lines[i]!) && !(body.length && ITEM.test(lines[i]!)); i++) body.push(lines[i]!);
      out.push(<p>{inline(body.join(' '))}</p>);
    }
  }
  return out;
}

export function Markdown({ text }: { text: string }) {
  return <div class="markdown">{blocks(text.split(/\r?\n/), 0)}</div>;
}
