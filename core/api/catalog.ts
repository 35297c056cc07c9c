import { serviceRef } from '../kernel/reference.ts'
import type { App } from './app.ts'
import type { Actor } from './audit.ts'

/** The apps, read synchronously from memory. The change sequence keeps them up to date. */
export interface Catalog {
  /** Looks up an app by one of its host names, aliases included, in canonical (lower case) form. */
  byHost(host: string): App | undefined
  byName(name: string): App | undefined
  byId(id: string): App | undefined
  /** All apps, sorted by name. */
  list(): readonly App[]
  /** True if browsers reach the app at its public host; see `AppKind`. */
  servedByHub(app: App): boolean
  /** Where a browser opens the app, with the port of the hub; null if browsers cannot. */
  urlOf(app: App): string | null
  /**
   * The secret header lines that every request to the app carries, name and value in turn: never print or store them. Throws
   * `MEZ_SECRET_UNREADABLE`.
   */
  secretHeaders(app: App): readonly string[]
  /**
   * Registers an app as `mezctl apps register` does; records `app.created`. `by` is null for what no caller asked for. Never
   * changes an app that exists: throws `Problem` 409 `app_exists` or `public_addr_taken`, and 400 with every fault of the
   * document.
   */
  register(document: unknown, by: Actor | null): Promise<App>
}

/** The registered apps, in memory. */
export const catalog = serviceRef<Catalog>('catalog')
