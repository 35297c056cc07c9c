import { signal } from '@preact/signals'

const CSRF = 'x-mezite-csrf'
const BASE = '/v1/webapi'
type Headers = Readonly<Record<string, string>>

/** An error of the hub's API, or of the connection to it (status 0). */
export class ApiError extends Error {
  readonly status: number
  readonly code: string
  readonly requestId: string | null
  /** The problem document of RFC 9457. */
  readonly problem: Readonly<Record<string, unknown>>

  constructor(status: number, problem: Readonly<Record<string, unknown>>) {
    super(String(problem.detail ?? ''))
    this.status = status
    this.code = String(problem.code ?? 'unknown')
    this.requestId = typeof problem.request_id === 'string' ? problem.request_id : null
    this.problem = problem
  }
}

/** True once the hub no longer knows this browser's session. */
export const signedOut = signal(false)

let token: string | null = null

async function send(method: string, path: string, body: unknown, more: Headers = {}): Promise<Response> {
  const headers: Record<string, string> = { accept: 'application/json', ...more }
  if (body !== undefined) headers['content-type'] = 'application/json'
  if (method !== 'GET' && token === null) await send('GET', '/me', undefined)
  if (method !== 'GET' && token !== null) headers[CSRF] = token
  const init = { method, headers, body: body === undefined ? null : JSON.stringify(body) }
  const response = await fetch(BASE + path, init).catch((cause) => {
    throw new ApiError(0, { code: 'offline', detail: String(cause) })
  })
  token = response.headers.get(CSRF) ?? token
  return response
}

/**
 * Headers of a change: it replaces the version with this tag only, or nothing that exists. The hub refuses others with 412, so
 * that nobody's change is lost.
 */
export const replaces = (tag: string | null): Headers =>
  tag === null ? { 'if-none-match': '*' } : { 'if-match': tag }

/** Headers of a call that nobody has caused: it does not keep an idle session alive. */
export const BACKGROUND: Headers = { 'x-mezite-background': '1' }

/** What the hub counts of a list. */
export interface Counts {
  readonly found: number
  readonly all: number
  /** Nothing matches but for a typing mistake. */
  readonly near: boolean
  /** Of those that match but for the state, by state. */
  readonly states: ReadonlyMap<string, number>
}

/** Loads a page of a list, and the path of the next one; null after the last. Rejects with `ApiError`. */
export async function loadPage<T>(
  path: string,
  headers: Headers = {},
): Promise<{ rows: readonly T[]; next: string | null; counts: Counts }> {
  const response = await send('GET', path, undefined, headers)
  const rows = await read<readonly T[]>(response)
  const list = dictionary(response.headers.get('x-mezite-list'))
  const counts = {
    found: list.get('found') ?? rows.length,
    all: list.get('all') ?? rows.length,
    near: list.has('near'),
    states: dictionary(response.headers.get('x-mezite-states')),
  }
  const [, next] = /^<([^>]*)>; rel="next"$/.exec(response.headers.get('link') ?? '') ?? []
  return { rows, next: next?.startsWith(BASE) ? next.slice(BASE.length) : null, counts }
}

/** A dictionary of numbers (RFC 9651); a key without one is 1. */
const dictionary = (header: string | null): ReadonlyMap<string, number> =>
  new Map(
    (header ?? '').split(', ').flatMap((member) => {
      const [key = '', value = '1'] = member.split('=')
      return key === '' ? [] : [[key, Number(value)] as const]
    }),
  )

let confirm: (url: string) => Promise<boolean> = async () => false

/** Sets what lets the person confirm with a passkey, on the page at `url`; resolves to whether the person has. */
export const confirmWith = (ask: typeof confirm): void => {
  confirm = ask
}

/** Calls the API, after a confirmation with a passkey if the caller's role demands one, and resolves to the response's document. Rejects with `ApiError`. */
export async function call<T>(method: string, path: string, body?: unknown, headers?: Headers): Promise<T> {
  let response = await send(method, path, body, headers)
  if (response.status === 403 && method !== 'GET') {
    const problem = await problemOf(response)
    const { code, confirm_url: url } = problem
    // The session is another one than that of the token: this browser signed in again in another tab.
    if (code === 'csrf') token = null
    else if (!(code === 'confirmation_required' && typeof url === 'string' && (await confirm(url))))
      throw new ApiError(403, problem)
    response = await send(method, path, body, headers)
  }
  return read(response)
}

async function read<T>(response: Response): Promise<T> {
  if (response.ok) return (response.status === 204 ? undefined : await response.json()) as T
  if (response.status === 401) signedOut.value = true
  throw new ApiError(response.status, await problemOf(response))
}

async function problemOf(response: Response): Promise<Readonly<Record<string, unknown>>> {
  return response.json().catch(() => ({ code: 'unreadable', detail: response.statusText }))
}
