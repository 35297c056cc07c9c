import { setTimeout as pause } from 'node:timers/promises'
import { CliError, escapeText, type HubClient } from '@mezite/cli-shared'
import { readAudit } from './audit-query.ts'
import type { Flat } from './resource.ts'

const FIRST_WAIT_MS = 500
const LONGEST_WAIT_MS = 5_000
const CATCH_UP = 10_000

/**
 * Events as they happen, for ever. When the connection breaks it says so, connects again, and first gives what happened
 * in between, nothing twice. Throws when the hub refuses, or cannot be reached at the very first attempt.
 */
export async function* followAudit(
  client: HubClient,
  note: (text: string) => void,
): AsyncGenerator<Flat, void, undefined> {
  const seen = new Set<unknown>()
  let last: string | undefined
  let connected = false
  let waitMs = FIRST_WAIT_MS

  const isNew = (event: Flat) => {
    if (typeof event.id !== 'string') return true
    if (seen.has(event.id)) return false
    seen.add(event.id)
    if (seen.size > CATCH_UP) seen.delete(seen.values().next().value)
    last = event.id
    return true
  }

  while (true) {
    let why = 'the hub ended it'
    try {
      for await (const event of opened(client, last)) {
        if (event === OPEN) {
          if (connected) note('Connected again.')
          connected = true
          waitMs = FIRST_WAIT_MS
        } else if (isNew(event)) yield event
      }
    } catch (error) {
      const refused = error instanceof CliError && error.status !== null && error.status < 500
      if (!connected || refused) throw error
      why = (error as Error).message
    }
    note(`The connection is gone (${escapeText(why)}); connecting again in ${waitMs / 1000} s.`)
    await pause(waitMs)
    waitMs = Math.min(waitMs * 2, LONGEST_WAIT_MS)
  }
}

const OPEN: Flat = {}

/** `OPEN` when the stream stands, then what was missed since `last`, then what the stream brings. */
async function* opened(client: HubClient, last: string | undefined): AsyncGenerator<Flat, void, undefined> {
  const stream = client.follow('/audit/tail')
  try {
    await stream.next()
    yield OPEN
    // Asked while the stream is already open: an event in between comes twice rather than not at all.
    if (last !== undefined) yield* readAudit(client, { after: last }, CATCH_UP)
    for await (const event of stream) yield event as Flat
  } finally {
    await stream.return()
  }
}
