import type { IncomingMessage } from 'node:http'
import { CliError } from './cli-error.ts'
import type { HubEndpoint } from './hub-endpoint.ts'
import { problemError, transportError } from './hub-errors.ts'

const PREFIX = '/v1/webapi'
const DEADLINE_MS = 30_000
const LARGEST_RESPONSE = 256 * 1024 * 1024
const LONGEST_LINE = 1024 * 1024
/** A line without a value. */
const EMPTY = Symbol('empty')

/** Query parameters; undefined ones are left out. @public */
export type Query = Readonly<Record<string, string | number | undefined>>

/** Query, body and deadline of a call. @public */
export interface CallOptions {
  readonly body?: unknown
  readonly query?: Query
  readonly deadlineMs?: number
  /** Version that a change replaces; the hub refuses it if there is another one by now. */
  readonly ifMatch?: string | undefined
  /** The hub refuses a change that would replace something. */
  readonly ifNew?: boolean
}

/** The JSON API of one hub. Every method throws `CliError` for anything but a complete 2xx response. @public */
export interface HubClient {
  readonly endpoint: HubEndpoint
  /** The JSON body of the response; null without a body. */
  call(method: string, path: string, options?: CallOptions): Promise<unknown>
  /** GET, with the body as text. */
  text(path: string): Promise<string>
  /** Yields undefined once the hub has accepted, then each value of the NDJSON response as it arrives. */
  follow(path: string, query?: Query): AsyncGenerator<unknown, void, undefined>
  /** Each line of a long response as it arrives, without the LF that ends it. */
  lines(path: string, query?: Query): AsyncGenerator<string, void, undefined>
}

/**
 * A path below the API prefix: `` path`/apps/${name}` `` encodes its values. Throws `MEZ_USAGE_WRONG` for an empty value, which
 * would address the whole collection.
 *
 * @public
 */
export function path(parts: TemplateStringsArray, ...values: readonly string[]): string {
  if (values.includes('')) {
    throw new CliError('MEZ_USAGE_WRONG', 'a name is empty', { hint: 'Is a shell variable unset?' })
  }
  return parts.reduce((whole, part, at) => whole + encodeURIComponent(values[at - 1] ?? '') + part)
}

/** A client with one connection for each request, and a deadline (30 s) from connecting to the last byte. */
export function createHubClient(endpoint: HubEndpoint): HubClient {
  function open(
    method: string,
    target: string,
    body: string | null,
    signal: AbortSignal,
    condition: Readonly<Record<string, string>> = {},
  ): Promise<IncomingMessage> {
    const headers: Record<string, string> = {
      ...(endpoint.request.headers as Record<string, string>),
      ...condition,
      accept: 'application/json, application/problem+json, application/x-ndjson, */*;q=0.1',
    }
    if (body !== null) {
      headers['content-type'] = 'application/json'
      headers['content-length'] = String(Buffer.byteLength(body))
    }
    if (endpoint.token !== null) headers.authorization = `Bearer ${endpoint.token}`
    // Importing either module would also load fetch and WebSocket: a fifth of the time of a short command.
    const { request: send } = process.getBuiltinModule(endpoint.secure ? 'node:https' : 'node:http')
    return new Promise((resolve, reject) => {
      const options = { ...endpoint.request, method, path: target, headers, signal, agent: false as const }
      const request = send(options, resolve)
      request.on('error', reject)
      request.end(body ?? undefined)
    })
  }

  async function textOf(method: string, path: string, options: CallOptions) {
    const { body, query = {}, deadlineMs = DEADLINE_MS, ifMatch, ifNew } = options
    const condition = { ...(ifMatch && { 'if-match': ifMatch }), ...(ifNew && { 'if-none-match': '*' }) }
    const sent = body === undefined ? null : JSON.stringify(body)
    const signal = AbortSignal.timeout(deadlineMs)
    try {
      const response = await open(method, urlOf(path, query), sent, signal, condition)
      const text = await readAll(response)
      const { statusCode: status = 0 } = response
      if (status < 200 || status > 299) throw problemError(status, text, endpoint)
      return text
    } catch (error) {
      throw transportError(error, endpoint)
    }
  }

  /** Yields undefined once the hub has accepted, then what `parse` makes of each line. */
  async function* read<T>(
    path: string,
    query: Query,
    parse: (line: string) => T,
  ): AsyncGenerator<T | undefined, void, undefined> {
    const opening = new AbortController()
    const timer = setTimeout(() => opening.abort(new DOMException('timeout', 'TimeoutError')), DEADLINE_MS)
    let response: IncomingMessage | null = null
    try {
      response = await open('GET', urlOf(path, query), null, opening.signal)
      clearTimeout(timer)
      response.socket.setKeepAlive(true, 15_000)
      if (response.statusCode !== 200)
        throw problemError(response.statusCode ?? 0, await readAll(response), endpoint)
      yield undefined
      for await (const line of readLines(response)) yield parse(line)
    } catch (error) {
      throw transportError(error, endpoint)
    } finally {
      clearTimeout(timer)
      response?.destroy()
    }
  }

  return {
    endpoint,
    async call(method, path, options = {}) {
      const text = await textOf(method, path, options)
      if (text.trim() === '') return null
      try {
        return JSON.parse(text)
      } catch (cause) {
        const message = `the response of ${endpoint.description} is not valid JSON`
        throw new CliError('MEZ_HUB_UNEXPECTED', message, { cause })
      }
    },
    text: (path) => textOf('GET', path, {}),
    async *follow(path, query = {}) {
      const parsed = read(path, query, (line) => (line.trim() === '' ? EMPTY : JSON.parse(line)))
      for await (const value of parsed) if (value !== EMPTY) yield value
    },
    async *lines(path, query = {}) {
      for await (const line of read(path, query, String)) if (line !== undefined) yield line
    },
  }
}

function urlOf(path: string, query: Query): string {
  const search = new URLSearchParams()
  for (const [name, value] of Object.entries(query)) if (value !== undefined) search.set(name, String(value))
  return `${PREFIX}${path}${search.size > 0 ? `?${search}` : ''}`
}

async function readAll(response: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = []
  let size = 0
  for await (const chunk of response as AsyncIterable<Buffer>) {
    size += chunk.length
    if (size > LARGEST_RESPONSE)
      throw new CliError('MEZ_HUB_UNEXPECTED', 'the response of the hub is too large (at most 256 MiB)')
    chunks.push(chunk)
  }
  return Buffer.concat(chunks).toString('utf8')
}

/** The lines of a byte stream as they arrive, split at LF only. Throws for a line over 1 MiB. */
async function* readLines(bytes: AsyncIterable<Uint8Array>): AsyncGenerator<string, void, undefined> {
  const decoder = new TextDecoder()
  let rest = ''
  for await (const chunk of bytes) {
    const lines = (rest + decoder.decode(chunk, { stream: true })).split('\n')
    rest = lines.pop()!
    if (rest.length > LONGEST_LINE)
      throw new CliError('MEZ_HUB_UNEXPECTED', 'the hub sent a line that is too long (at most 1 MiB)')
    yield* lines
  }
  if (rest !== '') yield rest
}
