// SPDX-License-Identifier: Apache-2.0
// A button that opens a small panel; Escape and a click elsewhere close it.
import { useEffect, useRef, useState } from 'preact/hooks';
import type { ComponentChildren } from 'preact';
import { Icon, type IconName } from './icons';

export function Menu({ label, icon, children, wide, quiet, up, left }: { label: string; icon?: IconName; children: ComponentChildren; wide?: boolean; quiet?: boolean; up?: boolean; left?: boolean }) {
  const [open, set] = useState(false);
  const ref = useRef<HTMLDivElement>(null);
  useEffect(() => {
    if (!open) return;
    const away = (e: Event) => !ref.current?.contains(e.target as Node) && set(false);
    const esc = (e: KeyboardEvent) => {
      if (e.key !== 'Escape') return;
      set(false);
      ref.current?.querySelector('button')?.focus();
    };
    document.addEventListener('pointerdown', away);
    document.addEventListener('focusin', away);
    document.addEventListener('keydown', esc);
    return () => {
      document.removeEventListener('pointerdown', away);
      document.removeEventListener('focusin', away);
      document.removeEventListener('keydown', esc);
    };
  }, [open]);
  return (
    <div class={`menu${up ? ' up' : ''}`} ref={ref}>
      <button type="button" class={quiet ? 'nav-item' : 'button small'} aria-expanded={open} onClick={() => set(!open)}>
        {icon && <Icon name={icon} size={quiet ? 16 : 14} />}<span>{label}</span>{!quiet && <Icon name="down" size={12} />}
      </button>
      {open && <div class={`menu-panel${wide ? ' wide' : ''}${left ? ' left' : ''}`} tabIndex={-1}>{children}</div>}
    </div>
  );
}
