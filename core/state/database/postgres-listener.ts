import pg from 'pg'
import { messageOf } from '../../kernel/error.ts'
import type { Log } from '../../kernel/log.ts'

const FIRST_WAIT_MS = 200
const LONGEST_WAIT_MS = 5_000

/**
 * Receives notifications on one connection, opened for the first listener. Notifications are only hints: those sent
 * while the connection is down are lost. Reconnects with backoff and jitter.
 */
export function createPostgresListener(url: string, log: Log) {
  const listeners = new Map<string, Set<(payload: string) => void>>()
  let client: pg.Client | undefined
  let timer: NodeJS.Timeout | undefined
  let waitMs = FIRST_WAIT_MS
  let started = false
  let closed = false

  function again(lost: pg.Client): void {
    if (client !== lost) return
    client = undefined
    lost.end().catch(() => {})
    if (closed) return
    timer = setTimeout(connect, waitMs * (0.5 + Math.random() / 2))
    waitMs = Math.min(waitMs * 2, LONGEST_WAIT_MS)
  }

  async function connect(): Promise<void> {
    const own = new pg.Client({
      connectionString: url,
      application_name: 'mezhub-listen',
      keepAlive: true,
      connectionTimeoutMillis: 5_000,
    })
    client = own
    own.on('error', (error) => {
      log.debug({ error: messageOf(error) }, 'the listening database connection broke')
      again(own)
    })
    own.on('end', () => again(own))
    own.on('notification', ({ channel, payload }) => {
      for (const heard of listeners.get(channel) ?? []) heard(payload ?? '')
    })
    try {
      await own.connect()
      for (const channel of listeners.keys()) await own.query(`LISTEN ${own.escapeIdentifier(channel)}`)
      waitMs = FIRST_WAIT_MS
      // Notifications may have been lost in the meantime.
      for (const all of listeners.values()) for (const heard of all) heard('')
    } catch (error) {
      log.debug({ error: messageOf(error) }, 'failed to listen for database notifications')
      again(own)
    }
  }

  return {
    /** Returns the stop function. */
    listen(channel: string, heard: (payload: string) => void): () => void {
      const all = listeners.get(channel) ?? new Set()
      const isNew = all.size === 0
      listeners.set(channel, all.add(heard))
      if (!started) {
        started = true
        void connect()
      } else if (isNew && client) {
        const own = client
        own.query(`LISTEN ${own.escapeIdentifier(channel)}`).catch(() => again(own))
      }
      return () => all.delete(heard)
    },
    async close(): Promise<void> {
      closed = true
      clearTimeout(timer)
      const own = client
      client = undefined
      const { stream } =
        (own as unknown as { connection?: { stream?: { destroy(): void } } })?.connection ?? {}
      await Promise.race([own?.end().catch(() => {}), new Promise((done) => setTimeout(done, 1_000).unref())])
      stream?.destroy()
    },
  }
}
