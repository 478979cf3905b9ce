// SPDX-License-Identifier: Apache-2.0
// The search box in the product's expression language, with completion of names. Enter applies; what
// the server says about a wrong expression appears under the box.
import { useEffect, useRef, useState } from 'preact/hooks';
import { ApiError } from '../api';
import { t } from '../i18n';
import { failure } from '../state';
import { Icon } from './icons';

/* The expression with the place that the server names: 'at 21: …' counts bytes from 1. */
function Where({ text, message }: { text: string; message: string }) {
  const at = Number(/\bat (\d+):/.exec(message)?.[1] ?? 0);
  if (!at || !text) return null;
  const bytes = new TextEncoder().encode(text), from = new TextDecoder().decode(bytes.slice(0, at - 1)).length, word = /^([\w.`]+|.)?/u.exec(text.slice(from))?.[0] || ' ';
  return <code class="where">{text.slice(0, from)}<mark>{word}</mark>{text.slice(from + word.length)}</code>;
}

export function FilterBox({ value, names, placeholder, onApply }: { value: string; names: string[]; placeholder: string; onApply: (text: string) => void }) {
  const [text, set] = useState(value);
  const [pick, setPick] = useState(-1);
  const [open, setOpen] = useState(false);
  const input = useRef<HTMLInputElement>(null);
  useEffect(() => set(value), [value]);
  const caret = input.current?.selectionStart ?? text.length;
  const word = /[\w.`]*$/.exec(text.slice(0, caret))?.[0] ?? '';
  const matches = open && word.length > 0 ? names.filter((n) => n.toLowerCase().includes(word.toLowerCase()) && n !== word).slice(0, 8) : [];
  const complete = (name: string) => {
    const quoted = /^(metrics|params|tags)\.(.*[^\w].*)$/.exec(name), put = quoted ? `${quoted[1]}.\`${quoted[2]}\`` : name;
    set(`${text.slice(0, caret - word.length)}${put} ${text.slice(caret)}`);
    setPick(-1);
    setOpen(false);
    input.current?.focus();
  };
  const key = (e: KeyboardEvent) => {
    if (e.isComposing) return;
    if (e.key === 'Escape' && matches.length) { setOpen(false); e.preventDefault(); return; }
    if (e.key === 'ArrowDown' && matches.length) { setPick((pick + 1) % matches.length); e.preventDefault(); return; }
    if (e.key === 'ArrowUp' && matches.length) { setPick((pick + matches.length - 1) % matches.length); e.preventDefault(); return; }
    if (e.key === 'Enter' && pick >= 0 && matches[pick]) { complete(matches[pick]!); e.preventDefault(); }
  };
  const error = failure.value?.error instanceof ApiError && failure.value.error.status === 400 ? failure.value.error : null;
  return (
    <form class="filter" role="search" onSubmit={(e) => { e.preventDefault(); setOpen(false); onApply(text.trim().normalize('NFKC')); }}>
      <div class="filter-box">
        <Icon name="filter" />
        <input ref={input} data-filter value={text} placeholder={placeholder} spellcheck={false} autocomplete="off" aria-label={t('Filter')}
          role="combobox" aria-expanded={matches.length > 0} aria-controls="filter-names" aria-autocomplete="list" aria-invalid={!!error}
          aria-describedby={error ? 'filter-error' : undefined} aria-activedescendant={pick >= 0 && matches[pick] ? `filter-${pick}` : undefined}
          onInput={(e) => { set(e.currentTarget.value); setOpen(true); setPick(-1); }} onKeyDown={key} onBlur={() => setTimeout(() => setOpen(false), 150)} />
        {text && <button type="button" class="icon-button" aria-label={t('Clear the filter')} onClick={() => { set(''); onApply(''); input.current?.focus(); }}><Icon name="cross" size={14} /></button>}
        <button type="submit" class="button small">{t('Apply')}</button>
      </div>
      <ul id="filter-names" role="listbox" aria-label={t('Names')} class="suggest" hidden={!matches.length}>
        {matches.map((n, i) => <li key={n} id={`filter-${i}`} role="option" aria-selected={i === pick} onPointerDown={(e) => { e.preventDefault(); complete(n); }}>{n}</li>)}
      </ul>
      {error && <div id="filter-error" class="bad-text" role="alert"><p>{error.message}</p><Where text={failure.value!.route.query.get('filter') ?? ''} message={error.message} /></div>}
    </form>
  );
}
