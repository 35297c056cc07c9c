import { serviceRef } from '../kernel/reference.ts'
import type { App } from './app.ts'

/** The apps, read from memory: no await, no database. Kept up to date by the change sequence. */
export interface Catalog {
  /** By public host name, already in canonical (lower case) form. */
  byHost(host: string): App | undefined
  byName(name: string): App | undefined
  byId(id: string): App | undefined
  /** In order of name. */
  list(): readonly App[]
  /** Browsers reach the app at its public host, see `AppKind`. */
  servedByHub(app: App): boolean
}

/** The registered apps, in memory. */
export const catalog = serviceRef<Catalog>('catalog')
