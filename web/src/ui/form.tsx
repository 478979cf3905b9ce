// SPDX-License-Identifier: Apache-2.0
// A form made from a model's signature, filled from its input example.
import { useState } from 'preact/hooks';
import type { ComponentChildren } from 'preact';
import { t } from '../i18n';
import type { Signature } from '../types';

type Row = Record<string, unknown>;
const isNumber = (type: string) => /double|float|long|integer|number/.test(type);

/* Text of the fields → JSON values; what is no number stays text, so that the server can say so. */
function toRow(signature: Signature, text: Record<string, string>): Row {
  const row: Row = {};
  for (const f of signature.inputs) {
    const v = text[f.name] ?? '';
    if (v === '') {
      if (f.required !== false) row[f.name] = null;
    } else if (f.type === 'boolean') row[f.name] = v === 'true';
    else if (isNumber(f.type) && Number.isFinite(Number(v))) row[f.name] = Number(v);
    else row[f.name] = v;
  }
  return row;
}

export function ExampleForm({ signature, example, button, onSubmit, lines }: {
  signature: Signature; example?: Row; button: string; onSubmit: (row: Row) => Promise<void>; lines?: (row: Row) => ComponentChildren;
}) {
  const [text, set] = useState<Record<string, string>>(() => Object.fromEntries(signature.inputs.map((f) => [f.name, example?.[f.name] === undefined || example[f.name] === null ? '' : String(example[f.name])])));
  const [busy, setBusy] = useState(false);
  const row = toRow(signature, text);
  return (
    <form class="form try" onSubmit={(e) => { e.preventDefault(); setBusy(true); void onSubmit(row).finally(() => setBusy(false)); }}>
      <div class="fields">
        {signature.inputs.map((f) => (
          <label key={f.name} class="field"><span><code>{f.name}</code> <span class="muted">{f.type}</span></span>
            {f.type === 'boolean' ? <select value={text[f.name]} onChange={(e) => set({ ...text, [f.name]: e.currentTarget.value })}><option value="">–</option><option value="true">true</option><option value="false">false</option></select>
              : <input inputMode={isNumber(f.type) ? 'decimal' : undefined} required={f.required !== false} autocomplete="off" value={text[f.name]} class="num" placeholder={f.required === false ? t('missing') : ''}
                onInput={(e) => set({ ...text, [f.name]: e.currentTarget.value })} />}
          </label>
        ))}
      </div>
      <div class="actions"><button type="submit" class="button primary" disabled={busy}>{button}</button></div>
      {lines?.(row)}
    </form>
  );
}
