import type { Clock } from '@mezite/core'
import { calls } from './calls.ts'

/** A failure is remembered this long, and new addresses of a person are counted for as long. */
const WINDOW_MS = 60_000
const MOST_NEW = 20
/** Addresses and people that are remembered at once. */
const MOST_REMEMBERED = 10_000

/**
 * Decides whether the hub fetches the metadata of a program from its client ID. Any page can lead a browser that is signed in
 * to the authorization endpoint with an address of its choice: so only a navigation counts, each person brings few new
 * addresses a minute, and one that failed is left alone for a minute.
 */
export function createMetadataFetches(deps: {
  readonly clock: Clock
  /** Whether somebody has let this program in, or the configuration names it. */
  readonly isKnown: (clientId: string) => Promise<boolean>
}) {
  const { clock, isKnown } = deps
  /** Client IDs with the time of the failure. */
  const failures = new Map<string, number>()
  /** Client IDs whose fetch was allowed and has not ended. */
  const asked = new Set<string>()
  const people = new Map<string, { readonly from: number; count: number }>()

  function countNew(user: string): boolean {
    const now = clock.monotonic()
    const known = people.get(user)
    const counted = known && now - known.from < WINDOW_MS ? known : { from: now, count: 0 }
    counted.count++
    keep(people, user, counted)
    return counted.count <= MOST_NEW
  }

  async function isAllowed(clientId: string): Promise<boolean> {
    const failed = failures.get(clientId)
    if (failed !== undefined && clock.monotonic() - failed < WINDOW_MS) return false
    const call = calls.getStore()
    // At endpoints for programs nobody has signed in, but somebody has let the program in before.
    if (call?.hubSession === undefined) return isKnown(clientId)
    return isNavigation(call.request.headers) && countNew(call.hubSession.user)
  }

  return {
    /** Whether the metadata at this client ID, which is not in the library's cache, may be fetched for the call. */
    async mayFetch(clientId: string): Promise<boolean> {
      const allowed = await isAllowed(clientId)
      if (allowed) asked.add(clientId)
      return allowed
    },
    /** Runs a look-up of a client by the library, and remembers if it fails after a fetch. */
    async find<T>(clientId: string, look: () => Promise<T>): Promise<T> {
      try {
        return await look()
      } catch (error) {
        if (asked.has(clientId)) keep(failures, clientId, clock.monotonic())
        throw error
      } finally {
        asked.delete(clientId)
      }
    },
  }
}

/** Browsers say what they load: not an image, a frame or a script's call. Programs that are not browsers say nothing. */
function isNavigation({ 'sec-fetch-mode': mode, 'sec-fetch-dest': dest }: Headers): boolean {
  return (mode ?? 'navigate') === 'navigate' && (dest ?? 'document') === 'document'
}

type Headers = Readonly<Record<string, string | readonly string[] | undefined>>

/** Sets the newest entry, and forgets the oldest beyond the bound. */
function keep<V>(map: Map<string, V>, key: string, value: V): void {
  map.delete(key)
  map.set(key, value)
  for (const [oldest] of map) {
    if (map.size <= MOST_REMEMBERED) break
    map.delete(oldest)
  }
}
