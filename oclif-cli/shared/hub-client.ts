import type { IncomingMessage } from 'node:http'
import { CliError } from './cli-error.ts'
import type { HubConnection } from './hub-connection.ts'
import { problemError, transportError } from './hub-errors.ts'
import { readLines } from './json-lines.ts'

const PREFIX = '/v1/webapi'
const DEADLINE_MS = 30_000
const LARGEST_ANSWER = 256 * 1024 * 1024

export type Query = Readonly<Record<string, string | number | undefined>>

export interface HubClient {
  readonly connection: HubConnection
  /** The JSON body of the answer, null when it has none. Throws `CliError` for every other outcome. */
  call(
    method: string,
    path: string,
    options?: { body?: unknown; query?: Query; deadlineMs?: number },
  ): Promise<unknown>
  /** As `call` with GET, the body as text. */
  text(path: string): Promise<string>
  /** First undefined, when the hub has accepted; then the values of an NDJSON answer as they arrive. Throws when the connection breaks. */
  follow(path: string, query?: Query): AsyncGenerator<unknown, void, undefined>
}

/**
 * A path below the API prefix: `` path`/apps/${name}` `` encodes what is put in. An empty name is wrong usage: it would
 * lead to the list of all.
 */
export function path(parts: TemplateStringsArray, ...names: readonly string[]): string {
  if (names.includes('')) {
    throw new CliError('MEZ_USAGE', 'a name is empty', { hint: 'Give it; is a variable of the shell unset?' })
  }
  return parts.reduce((whole, part, at) => whole + encodeURIComponent(names[at - 1] ?? '') + part)
}

/** Speaks the JSON API. One request, one connection; every request has a deadline (30 s) from connect to last byte. */
export function createHubClient(connection: HubConnection): HubClient {
  function open(
    method: string,
    target: string,
    body: string | null,
    signal: AbortSignal,
  ): Promise<IncomingMessage> {
    const headers: Record<string, string> = {
      ...(connection.request.headers as Record<string, string>),
      accept: 'application/json, application/problem+json, application/x-ndjson, */*;q=0.1',
    }
    if (body !== null) {
      headers['content-type'] = 'application/json'
      headers['content-length'] = String(Buffer.byteLength(body))
    }
    if (connection.token !== null) headers.authorization = `Bearer ${connection.token}`
    // An import of either would load all that fetch and WebSocket need: a fifth of the time of a short command.
    const { request: send } = process.getBuiltinModule(connection.secure ? 'node:https' : 'node:http')
    return new Promise((resolve, reject) => {
      const options = { ...connection.request, method, path: target, headers, signal, agent: false as const }
      const request = send(options, resolve)
      request.on('error', reject)
      request.end(body ?? undefined)
    })
  }

  async function ask(method: string, path: string, query: Query, body: unknown, deadlineMs: number) {
    const sent = body === undefined ? null : JSON.stringify(body)
    const signal = AbortSignal.timeout(deadlineMs)
    try {
      const answer = await open(method, address(path, query), sent, signal)
      return { answer, text: await readAll(answer) }
    } catch (error) {
      throw transportError(error, connection)
    }
  }

  async function checked(method: string, path: string, query: Query, body: unknown, deadlineMs: number) {
    const { answer, text } = await ask(method, path, query, body, deadlineMs)
    const status = answer.statusCode ?? 0
    if (status < 200 || status > 299) throw problemError(status, text, connection)
    return text
  }

  return {
    connection,
    async call(method, path, { body, query = {}, deadlineMs = DEADLINE_MS } = {}) {
      const text = await checked(method, path, query, body, deadlineMs)
      if (text.trim() === '') return null
      try {
        return JSON.parse(text)
      } catch (cause) {
        throw new CliError(
          'MEZ_HUB_UNEXPECTED',
          `${connection.description} answered with something else than JSON`,
          { cause },
        )
      }
    },
    text: (path) => checked('GET', path, {}, undefined, DEADLINE_MS),
    async *follow(path, query = {}) {
      const opening = new AbortController()
      const timer = setTimeout(() => opening.abort(new DOMException('timeout', 'TimeoutError')), DEADLINE_MS)
      let answer: IncomingMessage | null = null
      try {
        answer = await open('GET', address(path, query), null, opening.signal)
        clearTimeout(timer)
        answer.socket.setKeepAlive(true, 15_000)
        if (answer.statusCode !== 200)
          throw problemError(answer.statusCode ?? 0, await readAll(answer), connection)
        yield undefined
        for await (const line of readLines(answer)) {
          if (line.trim() !== '') yield JSON.parse(line)
        }
      } catch (error) {
        throw transportError(error, connection)
      } finally {
        clearTimeout(timer)
        answer?.destroy()
      }
    },
  }
}

function address(path: string, query: Query): string {
  const search = new URLSearchParams()
  for (const [name, value] of Object.entries(query)) if (value !== undefined) search.set(name, String(value))
  return `${PREFIX}${path}${search.size > 0 ? `?${search}` : ''}`
}

async function readAll(answer: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = []
  let size = 0
  for await (const chunk of answer as AsyncIterable<Buffer>) {
    size += chunk.length
    if (size > LARGEST_ANSWER) throw new CliError('MEZ_HUB_UNEXPECTED', 'the answer of the hub is too large')
    chunks.push(chunk)
  }
  return Buffer.concat(chunks).toString('utf8')
}
