// SPDX-License-Identifier: Apache-2.0
// The path that the server is mounted on ('' or '/x'), told by the page shell.
const meta = document.querySelector<HTMLMetaElement>('meta[name="slipway-base"]');
export const base = (meta?.content ?? '').replace(/\/$/, '');
export const origin = location.origin + base;
