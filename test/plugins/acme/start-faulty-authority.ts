// needs: pebble
import { once } from 'node:events'
import { Agent, createServer, request } from 'node:https'
import type { AddressInfo } from 'node:net'
import { Readable } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import type { Pebble } from '../../../examples/cluster/pebble.ts'

/** A request of a hub. */
export interface Asked {
  readonly method: string
  readonly path: string
  /** What the account has signed; null without a body. */
  readonly payload: Readonly<Record<string, unknown>> | null
}
export interface Answer {
  readonly status: number
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>
  readonly body: string | Readable
}

export interface FaultyAuthority {
  readonly directory: string
  /** Every request with the status of its answer, oldest first. */
  readonly seen: readonly (Asked & { readonly status: number; readonly type: string | null })[]
  /** Changes answers; null: they stay as they are. */
  distort: ((asked: Asked, answer: Answer) => Answer | Promise<Answer>) | null
  close(): void
}

const MOST_LOG = 100_000

/**
 * Stands in front of a real authority and answers as a test says. The real one names URLs after the host of a request, so that
 * all of them are of this one.
 */
export async function startFaultyAuthority(pebble: Pebble): Promise<FaultyAuthority> {
  const agent = new Agent({ ca: pebble.ca, keepAlive: true })
  const { port: behind } = new URL(pebble.directory)
  const seen: FaultyAuthority['seen'][number][] = []
  const server = createServer(pebble.keyPair, async (incoming, response) => {
    response.on('error', () => {})
    try {
      const body = await buffer(incoming)
      const { url: path = '/', method = 'GET', headers } = incoming
      const asked: Asked = { method, path, payload: payloadOf(body) }
      const outgoing = request({ host: 'localhost', port: behind, agent, method, path, headers })
      outgoing.end(body)
      const [real] = await once(outgoing, 'response')
      const { 'content-length': _length, ...more } = real.headers
      const honest: Answer = { status: real.statusCode, headers: more, body: String(await buffer(real)) }
      const answer = (await authority.distort?.(asked, honest)) ?? honest
      const type = typeof answer.body === 'string' ? typeOf(answer.body) : null
      if (seen.length < MOST_LOG) seen.push({ ...asked, status: answer.status, type })
      response.writeHead(answer.status, answer.headers as Record<string, string>)
      if (typeof answer.body === 'string') response.end(answer.body)
      else answer.body.on('error', () => {}).pipe(response)
    } catch {
      response.destroy()
    }
  })
  server.on('clientError', (_error, socket) => socket.destroy())
  await once(server.listen(0, '127.0.0.1'), 'listening')
  const authority: FaultyAuthority = {
    directory: `https://localhost:${(server.address() as AddressInfo).port}/dir`,
    seen,
    distort: null,
    close() {
      agent.destroy()
      server.close()
      server.closeAllConnections()
    },
  }
  return authority
}

function payloadOf(body: Buffer): Asked['payload'] {
  if (body.length === 0) return null
  const { payload } = JSON.parse(String(body)) as { payload: string }
  return payload === '' ? null : JSON.parse(String(Buffer.from(payload, 'base64url')))
}

function typeOf(body: string): string | null {
  try {
    return JSON.parse(body).type ?? null
  } catch {
    return null
  }
}

/** A body that never ends; `sent` counts its bytes until the reader goes away. */
export function endless(): { readonly body: Readable; sent(): number } {
  let bytes = 0
  const chunk = Buffer.alloc(64 * 1024, '{"a":')
  const body = new Readable({
    read() {
      bytes += chunk.length
      // In turns, so that the reader can go away.
      setImmediate(() => this.push(chunk))
    },
  })
  return { body, sent: () => bytes }
}
