import { createServer, type IncomingMessage, type RequestListener, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { Readable } from 'node:stream'
import type { ReadableStream } from 'node:stream/web'
import { loopbackFetch } from '../../../examples/cluster/loopback-fetch.ts'
import { until } from '../../until.ts'
import { startWorld, token } from '../authorization-server/world.ts'

type Teardown = { teardown(fn: () => unknown): void }

/** An HTTP server on loopback, gone with the test. */
export async function serve(t: Teardown, listener: RequestListener): Promise<string> {
  const server = createServer(listener)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.teardown(() => {
    server.closeAllConnections()
    server.close()
  })
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

/** Serves a handler of web requests, as official servers come. */
export const listenerOf =
  (handle: (request: Request) => Promise<Response>): RequestListener =>
  async (message: IncomingMessage, response: ServerResponse) => {
    const hasBody = message.method !== 'GET' && message.method !== 'HEAD'
    const gone = new AbortController()
    response.on('close', () => gone.abort())
    const answer = await handle(
      new Request(`http://127.0.0.1${message.url}`, {
        method: message.method as string,
        headers: Object.entries(message.headers) as [string, string][],
        body: hasBody ? (Readable.toWeb(message) as ReadableStream) : null,
        duplex: 'half',
        signal: gone.signal,
      } as RequestInit),
    )
    response.writeHead(answer.status, Object.fromEntries(answer.headers))
    if (answer.body === null) return void response.end()
    Readable.fromWeb(answer.body as ReadableStream)
      .on('error', () => response.destroy())
      .pipe(response)
  }

export interface Event {
  readonly type: string
  readonly reason: string | null
  readonly operation?: string
  readonly arguments?: string
  readonly rule?: string
  readonly request_id: string
}

/** A hub whose bots have the roles `roles`, one bot for each; all of them reach every app. */
export async function startOperations(
  t: Teardown,
  roles: Readonly<Record<string, { allow?: object; deny?: object }>>,
  plugins: object = {},
) {
  const documents = Object.entries(roles).map(([name, { allow, deny }]) => [
    name,
    { allow: { app_labels: { '*': '*' }, ...allow }, ...(deny && { deny }) },
  ])
  const world = await startWorld(t, { roles: Object.fromEntries(documents), plugins })
  const { hub } = world
  const secrets = new Map<string, string>()
  for (const name of Object.keys(roles)) {
    const document = { kind: 'bot', version: 'v1', metadata: { name }, spec: { roles: [name] } }
    await hub.api('PUT', `/bots/${name}`, document)
    secrets.set(name, (await hub.api<{ secret: string }>('POST', `/bots/${name}/secret`)).secret)
  }
  const plain = loopbackFetch(hub.ca) as never as typeof globalThis.fetch
  /** What the bot sends with its token. */
  async function fetchAs(
    bot: string,
    app: string,
    see = (_token: string) => {},
  ): Promise<typeof globalThis.fetch> {
    const answer = await token(hub, {
      grant_type: 'client_credentials',
      client_id: `bot:${bot}`,
      client_secret: secrets.get(bot) ?? '',
      resource: world.resource(app),
    })
    const { access_token } = JSON.parse(answer.text) as { access_token: string }
    see(access_token)
    return (url, init) => {
      const headers = new Headers(init?.headers)
      headers.set('authorization', `Bearer ${access_token}`)
      return plain(url, { ...init, headers: Object.fromEntries(headers) })
    }
  }
  /** The record of this type about a request. */
  async function eventOf(type: string, requestId: string): Promise<Event> {
    let found: Event | undefined
    await until(async () => {
      const all = await hub.api<readonly Event[]>('GET', `/audit?limit=100&type=${type}`)
      found = all.find(({ request_id }) => request_id === requestId)
      return found !== undefined
    }, `the record of ${requestId}`)
    return found as Event
  }
  return { ...world, fetchAs, eventOf }
}
