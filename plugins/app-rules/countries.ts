import { readFile, stat } from 'node:fs/promises'
import { type Log, messageOf } from '@mezite/core'

/** How often the file is looked at. */
const EVERY_MS = 60_000

/** The country of addresses, by a database in the format of MaxMind. Nothing is asked over the network. */
export interface Countries {
  /** Rejects if the file is not such a database. A newer file replaces it later; one that cannot be read leaves the one before. */
  start(): Promise<void>
  stop(): void
  /** ISO 3166-1; null: the database does not know it. */
  of(address: string): string | null
  /** Why the newest file is not used; null: it is. */
  readonly fault: string | null
}

/** The forms of MaxMind and DB-IP, and of IPinfo. */
interface Place {
  readonly country?: { readonly iso_code?: unknown } | string
  readonly country_code?: unknown
}

/** `everyMs`: how often the file is looked at. */
export function createCountries(path: string, log: Log, everyMs = EVERY_MS): Countries {
  let find: ((address: string) => Place | null) | undefined
  let fault: string | null = null
  /** Which file was read last; empty: none. */
  let stamp = ''
  let timer: NodeJS.Timeout | undefined
  let stopped = false

  async function stampOf(): Promise<string> {
    const { ino, size, mtimeMs } = await stat(path)
    return `${ino} ${size} ${mtimeMs}`
  }

  async function load(): Promise<void> {
    // First, so that a file that comes while this one is read is found at the next look.
    stamp = await stampOf()
    const bytes = await readFile(path)
    const { Reader } = await import('mmdb-lib')
    const reader = new Reader<never>(bytes)
    const { ipVersion, databaseType } = reader.metadata
    // The library would look up the first bits of an IPv6 address among those of IPv4.
    const next = (address: string): Place | null =>
      ipVersion === 4 && address.includes(':') ? null : reader.get(address)
    // A damaged file fails here.
    for (const address of ['192.0.2.1', '2001:db8::1']) next(address)
    find = next
    log.info({ path, type: databaseType }, 'read the database of countries')
  }

  async function look(): Promise<void> {
    try {
      if (fault === null && (await stampOf()) === stamp) return
      await load()
      fault = null
    } catch (error) {
      const cause = messageOf(error)
      if (cause !== fault)
        log.error({ path, cause }, 'cannot read the new database of countries: the one before stays')
      fault = cause
    }
  }

  function lookLater(): void {
    if (!stopped) timer = setTimeout(() => look().finally(lookLater), everyMs).unref()
  }

  return {
    async start() {
      try {
        await load()
      } catch (cause) {
        throw new Error(`plugins.app-rules.country_database: cannot read "${path}": ${messageOf(cause)}`, {
          cause,
        })
      }
      lookLater()
    },
    stop() {
      stopped = true
      clearTimeout(timer)
    },
    of(address) {
      let place: Place | null
      try {
        place = find?.(address) ?? null
      } catch {
        // Damaged elsewhere.
        return null
      }
      if (place === null) return null
      const { country, country_code } = place
      const code = typeof country === 'object' ? country?.iso_code : (country_code ?? country)
      return typeof code === 'string' ? code : null
    },
    get fault() {
      return fault
    },
  }
}
