// SPDX-License-Identifier: Apache-2.0
// Our own line icons on a 16 px grid. Decorative: the text beside them carries the meaning.
const paths = {
  home: 'M2.5 7.5 8 3l5.5 4.5V13a.5.5 0 0 1-.5.5H9.8V10H6.2v3.5H3a.5.5 0 0 1-.5-.5z',
  runs: 'M2.5 4h11M2.5 8h7M2.5 12h9',
  models: 'M8 2 13.5 5v6L8 14l-5.5-3V5zM2.5 5 8 8l5.5-3M8 8v6',
  endpoints: 'M2.5 8h2.2l1.8-4.5 3 9L11.3 8h2.2',
  datasets: 'M3 4.2C3 3 5.2 2.3 8 2.3s5 .7 5 1.9v7.6c0 1.2-2.2 1.9-5 1.9s-5-.7-5-1.9zM3 4.2C3 5.4 5.2 6 8 6s5-.6 5-1.8M3 8c0 1.2 2.2 1.8 5 1.8s5-.6 5-1.8',
  audit: 'M4 2.5h8v11l-2-1.2-2 1.2-2-1.2-2 1.2zM6 5.5h4M6 8h4',
  bell: 'M8 2.2a3.8 3.8 0 0 1 3.8 3.8c0 3.4 1.4 4.6 1.4 4.6H2.8S4.2 9.400 4.2 6A3.8 3.8 0 0 1 8 2.2zM6.6 13a1.6 1.6 0 0 0 2.8 0',
  search: 'M7 11.5a4.5 4.5 0 1 0 0-9 4.5 4.5 0 0 0 0 9zM10.3 10.3l3.2 3.2',
  copy: 'M5.5 5.5v-3h8v8h-3M2.5 5.5h8v8h-8z',
  check: 'm3 8.5 3.2 3.2L13 4.8',
  cross: 'm4 4 8 8M12 4l-8 8',
  down: 'm4 6 4 4 4-4',
  right: 'm6 4 4 4-4 4',
  up: 'm4 10 4-4 4 4',
  columns: 'M2.5 3h11v10h-11zM6.2 3v10M9.8 3v10',
  sun: 'M8 11a3 3 0 1 0 0-6 3 3 0 0 0 0 6zM8 1.5v1.6M8 12.9v1.6M1.5 8h1.6M12.9 8h1.6M3.4 3.4l1.1 1.1M11.5 11.5l1.1 1.1M12.6 3.4l-1.1 1.1M4.5 11.5l-1.1 1.1',
  moon: 'M13 9.6A5.5 5.5 0 0 1 6.4 3 5.5 5.5 0 1 0 13 9.6z',
  globe: 'M8 14A6 6 0 1 0 8 2a6 6 0 0 0 0 12zM2 8h12M8 2c2 1.7 2.8 3.7 2.8 6S10 12.3 8 14C6 12.3 5.2 10.3 5.2 8S6 3.7 8 2z',
  help: 'M8 14A6 6 0 1 0 8 2a6 6 0 0 0 0 12zM6.3 6.4A1.8 1.8 0 0 1 8 5.2c1 0 1.8.7 1.8 1.6C9.8 8 8 8 8 9.3M8 11.2v.1',
  menu: 'M2.5 4.5h11M2.5 8h11M2.5 11.5h11',
  link: 'M6.8 9.2a2.5 2.5 0 0 0 3.6 0l2.1-2.1a2.5 2.5 0 0 0-3.6-3.6l-.8.8M9.2 6.8a2.5 2.5 0 0 0-3.6 0L3.5 8.9a2.5 2.5 0 0 0 3.6 3.6l.8-.8',
  warn: 'M8 2.5 14 13H2zM8 6.5v3M8 11.3v.1',
  filter: 'M2.5 3.5h11L9.5 8.3v4l-3 1.2V8.3z',
  clock: 'M8 14A6 6 0 1 0 8 2a6 6 0 0 0 0 12zM8 4.8V8l2.2 1.6',
  play: 'M5 3.5v9l7-4.5z',
  trash: 'M3 4.5h10M6 4.5V3h4v1.5M4.2 4.5l.6 9h6.4l.6-9M6.8 7v4M9.2 7v4',
  pin: 'M6 2.5h4l-.5 4 2 2v1.3h-7V8.5l2-2zM8 9.8V14',
  pen: 'm3 13 .6-2.6 7.4-7.4 2 2-7.4 7.4zM9.7 4.3l2 2',
  save: 'M3 3h8l2 2v8H3zM5.5 3v3.5h4V3M5.5 13v-4h5v4',
  more: 'M8 3.500v.01M8 8v.01M8 12.500v.01',
  back: 'M6 4 2.5 7.5 6 11M2.5 7.5H10a3.5 3.5 0 0 1 0 7H8.5',
};
export type IconName = keyof typeof paths;

export function Icon({ name, size = 16 }: { name: IconName; size?: number }) {
  return (
    <svg class="icon" width={size} height={size} viewBox="0 0 16 16" aria-hidden="true" focusable="false">
      <path d={paths[name]} />
    </svg>
  );
}

/* A ship on its ways: the mark. */
export function Mark() {
  return (
    <svg class="mark" width="22" height="22" viewBox="0 0 22 22" aria-hidden="true" focusable="false">
      <path class="mark-hull" d="M3 10.5h16l-2.6 5.2a1.5 1.5 0 0 1-1.3.8H7.2a1.5 1.5 0 0 1-1.3-.8z" />
      <path class="mark-sail" d="M10.3 2.5v6.5H5.5zM11.7 4.5 16 9h-4.3z" />
      <path class="mark-way" d="M2 19.5 20 18" />
    </svg>
  );
}
