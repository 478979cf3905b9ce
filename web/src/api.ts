// SPDX-License-Identifier: Apache-2.0
// Calls to the native REST API, its errors, and the curl text of a call.
import { signal } from '@preact/signals';
import { base, origin } from './base';

const TOKEN = 'slipway_token';
export const signedOut = signal(false);
export const token = signal<string | null>(readToken());

function readToken(): string | null {
  try {
    return sessionStorage.getItem(TOKEN);
  } catch {
    return null;
  }
}

export function setToken(value: string): void {
  token.value = value;
  signedOut.value = false;
  try {
    sessionStorage.setItem(TOKEN, value);
  } catch {
    /* storage switched off: the token lives as long as the page */
  }
}

export class ApiError extends Error {
  constructor(
    readonly status: number,
    readonly code: string,
    message: string,
    readonly hint: string | null,
    readonly requestId: string | null,
    readonly method: string,
    readonly path: string,
  ) {
    super(message);
  }
}

export function authHeaders(): Record<string, string> {
  return token.value ? { authorization: `Bearer ${token.value}` } : {};
}

/* One call; path starts with '/'. Throws ApiError; an unreachable server is status 0. */
export async function call(method: string, path: string, body?: unknown, signal?: AbortSignal): Promise<Response> {
  let r: Response;
  try {
    r = await fetch(base + path, {
      method,
      signal,
      headers: { ...authHeaders(), ...(body === undefined ? {} : { 'content-type': 'application/json' }) },
      body: body === undefined ? undefined : JSON.stringify(body),
    });
  } catch (e) {
    if ((e as Error).name === 'AbortError') throw e;
    throw new ApiError(0, 'UNREACHABLE', (e as Error).message, null, null, method, path);
  }
  if (r.ok) return r;
  const text = await r.text();
  let j: { code?: string; error_code?: string; message?: string; error?: string; hint?: string | null; request_id?: string } = {};
  try {
    j = JSON.parse(text);
  } catch {
    j = { message: text.slice(0, 300) };
  }
  if (r.status === 401) signedOut.value = true;
  throw new ApiError(r.status, j.code ?? j.error_code ?? String(r.status), j.message ?? j.error ?? r.statusText,
    j.hint ?? null, j.request_id ?? r.headers.get('x-request-id'), method, path);
}

export async function get<T>(path: string, signal?: AbortSignal): Promise<T> {
  return (await (await call('GET', path, undefined, signal)).json()) as T;
}

export async function send<T>(method: string, path: string, body?: unknown): Promise<T> {
  const text = await (await call(method, path, body)).text();
  return (text ? JSON.parse(text) : {}) as T;
}

const quote = (text: string) => `'${text.replace(/'/g, `'\\''`)}'`;

/* The same call for a shell. */
export function curl(method: string, path: string, body?: unknown): string {
  const parts = ['curl'];
  if (method !== 'GET' && !(method === 'POST' && body !== undefined)) parts.push('-X', method);
  parts.push(/[^\w:/.\-?=&%@]/.test(origin + path) || /[?&]/.test(path) ? quote(origin + path) : origin + path);
  if (token.value) parts.push('-H', `"Authorization: Bearer $SLIPWAY_TOKEN"`);
  if (body !== undefined) parts.push('-H', quote('content-type: application/json'), '-d', quote(JSON.stringify(body)));
  return parts.join(' ');
}

/* A word for a shell, quoted only where needed. */
export const word = (text: string) => (/^[\w@%+=:,./-]+$/.test(text) ? text : quote(text));
