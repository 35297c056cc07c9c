import { type Signal, signal } from '@preact/signals'
import { ApiError } from './api.ts'

/** State of one resource of the API that pages show. */
export interface Loaded<T> {
  /** The newest document; kept while it is loaded again and when that fails. */
  readonly data: T | undefined
  readonly error: ApiError | undefined
  readonly loading: boolean
}

/** A resource as all its readers share it. */
export interface Resource {
  /** `again`: nobody has asked for it, it has changed. */
  readonly load: (again: boolean) => Promise<unknown>
  readonly state: Signal<Loaded<unknown>>
  readonly kinds: readonly string[]
  readers: number
  /** A change arrived while the resource was being loaded. */
  stale: boolean
  /** Runs while there is no reader. */
  removal: ReturnType<typeof setTimeout> | undefined
}

/** Bursts of changes load a resource at most this often. */
const LEAST_MS = 400
const RETRY_MS = 2_000
/** A resource without readers is kept this long, for a page that is opened again. */
const KEPT_MS = 5_000

/** The resources of the API that pages read, by path. */
export interface Resources {
  /** The resource at a path; it follows changes of these kinds while it has readers. */
  at(path: string, kinds: readonly string[], load: Resource['load']): Resource
  /** Adds a reader. The first one loads the resource; call the returned function once to remove the reader. */
  follow(path: string, resource: Resource): () => void
  /** Loads the resources of these kinds again; null: all. */
  reload(kinds: readonly string[] | null): void
}

export function createResources(): Resources {
  /** What the next reader of a path gets. */
  const resources = new Map<string, Resource>()
  /** Those with readers, also one whose path has another resource by now. */
  const followed = new Set<Resource>()

  async function load(resource: Resource, again: boolean): Promise<void> {
    const { state } = resource
    state.value = { ...state.peek(), loading: true }
    resource.stale = false
    try {
      const data = await resource.load(again)
      state.value = { data, error: undefined, loading: false }
    } catch (error) {
      const failure =
        error instanceof ApiError ? error : new ApiError(0, { code: 'failed', detail: String(error) })
      state.value = { data: state.peek().data, error: failure, loading: false }
      if (failure.status === 0 || failure.status >= 500) setTimeout(() => refresh(resource), RETRY_MS)
    }
    setTimeout(() => resource.stale && refresh(resource), LEAST_MS)
  }

  /** Without readers nothing is loaded; the first new one loads. */
  function refresh(resource: Resource): void {
    if (resource.readers === 0) return
    if (resource.state.peek().loading) resource.stale = true
    else void load(resource, true)
  }

  /** Removes this resource only: another one may be at its path by now. */
  function forget(path: string, resource: Resource): void {
    if (resources.get(path) === resource) resources.delete(path)
  }

  return {
    at(path, kinds, load) {
      const known = resources.get(path)
      if (known) return known
      const state = signal<Loaded<unknown>>({ data: undefined, error: undefined, loading: true })
      const made = { state, kinds, load, readers: 0, stale: false, removal: undefined }
      resources.set(path, made)
      return made
    },
    follow(path, resource) {
      resource.readers += 1
      clearTimeout(resource.removal)
      followed.add(resource)
      if (resource.readers === 1) void load(resource, false)
      return () => {
        resource.readers -= 1
        if (resource.readers > 0) return
        followed.delete(resource)
        resource.removal = setTimeout(() => forget(path, resource), KEPT_MS)
      }
    },
    reload(kinds) {
      for (const resource of followed)
        if (kinds === null || resource.kinds.some((kind) => kinds.includes(kind))) refresh(resource)
    },
  }
}
