import { PGliteAdapter, PGliteDialect, type PGliteDialectConfig, PGliteDriver } from 'kysely'
import { createSemaphore } from '../../base/limits/semaphore.ts'
import { MezError } from '../../kernel/error.ts'
import { refuseBesideTransaction } from './transaction-guard.ts'

const WAITING = 5_000
const WAIT_MS = 30_000

/**
 * kysely's dialect for PGlite, with our own queue for the one connection. The queue of kysely has neither a limit nor a
 * deadline, and a change that waits there for its own transaction would wait for ever.
 */
export class EmbeddedDialect extends PGliteDialect {
  readonly #config: PGliteDialectConfig

  constructor(config: PGliteDialectConfig) {
    super(config)
    this.#config = config
  }

  override createAdapter() {
    return new EmbeddedAdapter()
  }

  override createDriver() {
    return new EmbeddedDriver(this.#config)
  }
}

class EmbeddedAdapter extends PGliteAdapter {
  /** Disables kysely's queue. */
  override get supportsMultipleConnections() {
    return true
  }
}

class EmbeddedDriver extends PGliteDriver {
  readonly #acquire = createSemaphore({
    atOnce: 1,
    waiting: WAITING,
    waitMs: WAIT_MS,
    refuse: (why) => new MezError('MEZ_DATABASE_UNAVAILABLE', `the embedded database is busy: ${why}`),
  })
  #release: () => void = () => {}

  override async acquireConnection() {
    refuseBesideTransaction()
    const release = await this.#acquire()
    try {
      this.#release = release
      return await super.acquireConnection()
    } catch (error) {
      release()
      throw error
    }
  }

  override async releaseConnection(): Promise<void> {
    this.#release()
  }
}
