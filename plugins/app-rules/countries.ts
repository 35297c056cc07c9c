import { readFile, unwatchFile, watchFile } from 'node:fs'
import { promisify } from 'node:util'
import { type Log, messageOf } from '@mezite/core'

const read = promisify(readFile)

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

  async function load(): Promise<void> {
    const bytes = await read(path)
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

  async function reload(): Promise<void> {
    try {
      await load()
      fault = null
    } catch (error) {
      fault = messageOf(error)
      log.error({ path, cause: fault }, 'cannot read the new database of countries: the one before stays')
    }
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
      watchFile(path, { interval: everyMs, persistent: false }, () => void reload())
    },
    stop: () => unwatchFile(path),
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
