import { type Signal, signal } from '@preact/signals'
import { useEffect, useRef, useState } from 'preact/hooks'
import { ApiError, call, loadPage, signedOut } from './api.ts'

/** State of one resource of the API that pages show. */
export interface Loaded<T> {
  /** The newest document; kept while it is loaded again and when that fails. */
  readonly data: T | undefined
  readonly error: ApiError | undefined
  readonly loading: boolean
}

interface Entry {
  readonly load: () => Promise<unknown>
  readonly state: Signal<Loaded<unknown>>
  readonly kinds: readonly string[]
  readers: number
  /** A change arrived while the resource was being loaded. */
  stale: boolean
}

/** Bursts of changes load a resource at most this often. */
const LEAST_MS = 400
const RETRY_MS = 2_000

const entries = new Map<string, Entry>()
/** Whether changes arrive; pages say when they do not. */
export const connected = signal(true)

/**
 * The document at a path of the API, shared by all readers and loaded again whenever the event stream reports a change of
 * one of these kinds. A null path loads nothing.
 */
export function useResource<T>(path: string | null, kinds: readonly string[]): Loaded<T> {
  return useEntry<T>(path, kinds, () => call('GET', path!))
}

/** A list, of which more pages are loaded on demand. */
export interface LoadedList<T> extends Loaded<readonly T[]> {
  /** Loads another page; null if the list is complete. */
  readonly more: (() => void) | null
}

const PAGE = 100
interface Pages<T> {
  readonly rows: readonly T[]
  readonly complete: boolean
}

/** The list at a path of the API, page by page; loaded again like other resources. */
export function useList<T>(path: string, kinds: readonly string[]): LoadedList<T> {
  const [count, setCount] = useState({ path, pages: 1 })
  const pages = count.path === path ? count.pages : 1
  const first = `${path}${path.includes('?') ? '&' : '?'}limit=${PAGE}`
  const loaded = useEntry<Pages<T>>(`${first} ${pages}`, kinds, async () => {
    const rows: T[] = []
    let next: string | null = first
    for (let page = 0; page < pages && next !== null; page++) {
      const found: Awaited<ReturnType<typeof loadPage<T>>> = await loadPage<T>(next)
      rows.push(...found.rows)
      next = found.next
    }
    return { rows, complete: next === null }
  })
  // While another page is loaded, or another search runs, the table does not disappear.
  const shown = useRef<Pages<T> | undefined>(undefined)
  if (loaded.data) shown.current = loaded.data
  const data = loaded.data ?? shown.current
  return {
    ...{ data: data?.rows, error: loaded.error, loading: loaded.loading },
    more: data && !data.complete ? () => setCount({ path, pages: pages + 1 }) : null,
  }
}

function useEntry<T>(path: string | null, kinds: readonly string[], load: () => Promise<unknown>): Loaded<T> {
  const entry = path === null ? null : entryOf(path, kinds, load)
  useEffect(() => {
    if (path === null || entry === null) return
    entry.readers += 1
    if (entry.readers === 1) void loadEntry(path, entry)
    return () => {
      entry.readers -= 1
      if (entry.readers === 0) setTimeout(() => entry.readers === 0 && entries.delete(path), 5_000)
    }
  }, [path, entry])
  return (entry?.state.value ?? nothing) as Loaded<T>
}
const nothing: Loaded<never> = { data: undefined, error: undefined, loading: false }

function entryOf(path: string, kinds: readonly string[], load: Entry['load']): Entry {
  const known = entries.get(path)
  if (known) return known
  const made = {
    state: signal<Loaded<unknown>>({ ...nothing, loading: true }),
    ...{ kinds, load },
    readers: 0,
    stale: false,
  }
  entries.set(path, made)
  return made
}

async function loadEntry(path: string, entry: Entry): Promise<void> {
  const { state } = entry
  state.value = { ...state.peek(), loading: true }
  entry.stale = false
  try {
    const data = await entry.load()
    state.value = { data, error: undefined, loading: false }
  } catch (error) {
    const failure =
      error instanceof ApiError ? error : new ApiError(0, { code: 'failed', detail: String(error) })
    state.value = { data: state.peek().data, error: failure, loading: false }
    if (failure.status === 0 || failure.status >= 500) setTimeout(() => refresh(path, entry), RETRY_MS)
  }
  setTimeout(() => entry.stale && refresh(path, entry), LEAST_MS)
}

function refresh(path: string, entry: Entry): void {
  if (entry.readers === 0) entries.delete(path)
  else if (entry.state.peek().loading) entry.stale = true
  else void loadEntry(path, entry)
}

/** Loads the resources of these kinds again; null: all. */
export function reload(kinds: readonly string[] | null): void {
  for (const [path, entry] of entries)
    if (kinds === null || entry.kinds.some((kind) => kinds.includes(kind))) refresh(path, entry)
}

/** Opens the page's one event stream, and keeps it open until the session ends. */
export function connect(): void {
  const stream = new EventSource('/v1/webapi/events')
  stream.addEventListener('open', () => {
    // Whatever happened before is in the documents that are loaded now.
    if (!connected.peek()) reload(null)
    connected.value = true
  })
  stream.addEventListener('changed', (event) => {
    const { kinds } = JSON.parse(event.data) as { kinds: Record<string, unknown> | null }
    reload(kinds === null ? null : Object.keys(kinds))
  })
  stream.addEventListener('access', () => reload(null))
  stream.addEventListener('ended', () => {
    stream.close()
    signedOut.value = true
  })
  stream.addEventListener('error', () => {
    connected.value = false
    if (stream.readyState !== EventSource.CLOSED) return
    // The hub refused: the session may have ended.
    stream.close()
    call('GET', '/me').catch(() => {})
    setTimeout(() => signedOut.peek() || connect(), RETRY_MS)
  })
}
