import { type ReadonlySignal, signal } from '@preact/signals'
import { useEffect, useRef, useState } from 'preact/hooks'
import { BACKGROUND, type Counts, call, loadPage, signedOut } from './api.ts'
import { createResources, type Loaded } from './resources.ts'

export type { Loaded }

const RETRY_MS = 2_000

const resources = createResources()
/** Whether changes arrive; pages say when they do not. */
export const connected = signal(true)

/**
 * The document at a path of the API, shared by all readers and loaded again whenever the event stream reports a change of
 * one of these kinds. A null path loads nothing.
 */
export function useResource<T>(path: string | null, kinds: readonly string[]): Loaded<T> {
  return useEntry<T>(path, kinds, (again) => call('GET', path!, undefined, again ? BACKGROUND : {}))
}

/** The document at a path of the API for as long as the page is open; `loaded` resolves with the first answer. */
export function followed<T>(
  path: string,
  kinds: readonly string[],
): {
  readonly state: ReadonlySignal<Loaded<T>>
  readonly loaded: () => Promise<void>
} {
  const resource = resources.at(path, kinds, (again) => call('GET', path, undefined, again ? BACKGROUND : {}))
  return {
    state: resource.state as ReadonlySignal<Loaded<T>>,
    loaded: () =>
      new Promise((resolve) => {
        resources.follow(path, resource)
        resource.state.subscribe(({ loading }) => loading || resolve())
      }),
  }
}

/** A list, of which more pages are loaded on demand. */
export interface LoadedList<T> extends Loaded<readonly T[]> {
  /** Loads another page; null if the list is complete. */
  readonly more: (() => void) | null
  readonly counts: Counts | undefined
}

const PAGE = 100
interface Pages<T> {
  readonly rows: readonly T[]
  readonly complete: boolean
  readonly counts: Counts
}

/** The list at a path of the API, page by page; loaded again like other resources. */
export function useList<T>(path: string, kinds: readonly string[], size = PAGE): LoadedList<T> {
  const [count, setCount] = useState({ path, pages: 1 })
  const pages = count.path === path ? count.pages : 1
  const first = `${path}${path.includes('?') ? '&' : '?'}limit=${size}`
  const loaded = useEntry<Pages<T>>(`${first} ${pages}`, kinds, async (again) => {
    const headers = again ? BACKGROUND : {}
    const { counts, ...start } = await loadPage<T>(first, headers)
    const rows = [...start.rows]
    let { next } = start
    for (let page = 1; page < pages && next !== null; page++) {
      const found: Awaited<ReturnType<typeof loadPage<T>>> = await loadPage<T>(next, headers)
      rows.push(...found.rows)
      next = found.next
    }
    return { rows, complete: next === null, counts }
  })
  // While another page is loaded, or another search runs, the table does not disappear.
  const shown = useRef<Pages<T> | undefined>(undefined)
  if (loaded.data) shown.current = loaded.data
  const data = loaded.data ?? shown.current
  return {
    data: data?.rows,
    error: loaded.error,
    loading: loaded.loading,
    counts: data?.counts,
    more: data && !data.complete ? () => setCount({ path, pages: pages + 1 }) : null,
  }
}

function useEntry<T>(
  path: string | null,
  kinds: readonly string[],
  load: (again: boolean) => Promise<unknown>,
): Loaded<T> {
  const resource = path === null ? null : resources.at(path, kinds, load)
  useEffect(
    () => (path === null || resource === null ? undefined : resources.follow(path, resource)),
    [path, resource],
  )
  return (resource?.state.value ?? nothing) as Loaded<T>
}
const nothing: Loaded<never> = { data: undefined, error: undefined, loading: false }

/** Loads the resources of these kinds again; null: all. */
export const { reload } = resources

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
    const changed = Object.keys(kinds ?? {})
    // A plugin does not say on which data its content depends; on sessions, it would change all the time.
    const isForPlugins = changed.some((kind) => kind !== 'session')
    reload(kinds === null ? null : isForPlugins ? [...changed, 'plugin-part'] : changed)
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
