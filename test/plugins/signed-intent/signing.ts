import { createHash } from 'node:crypto'
import { createServer, type IncomingHttpHeaders } from 'node:http'
import type { AddressInfo } from 'node:net'
import { defineHubPlugin, type Notification, notifiers } from '@mezite/core'
import {
  type Answer,
  FakeAuthenticator,
  type FakeClock,
  fakeClock,
  type TestHub,
  type Visitor,
} from '@mezite/core/testing'
import { until } from '../../until.ts'
import { authorize, startWorld } from '../authorization-server/world.ts'
import { keysOf } from '../webauthn/key-hub.ts'

/** What reached the application. */
export interface Received {
  readonly method: string
  readonly url: string
  readonly headers: IncomingHttpHeaders
  readonly sha256: string
  readonly bytes: number
}

/** A person with a passkey, a signed-in browser, and a program that acts for them. */
export interface Signer {
  readonly name: string
  readonly visitor: Visitor
  readonly key: FakeAuthenticator
  readonly token: string
}

export interface Said extends Answer {
  readonly code?: string
  readonly challenge_url?: string
  readonly location?: string
}

export const digest = (body: string | Buffer): string => createHash('sha256').update(body).digest('hex')

export const roleOf = (isFull: boolean) => ({
  allow: {
    app_labels: { env: 'test' },
    app_rules: [{ name: 'read', methods: ['GET'], paths: ['/**'] }, ...(isFull ? SIGNED : [])],
  },
})

const SIGNED = [
  { name: 'repos', methods: ['DELETE', 'POST', 'PUT'], paths: ['/repos/**'], require: { signature: true } },
  {
    name: 'releases',
    methods: ['POST'],
    paths: ['/releases/**'],
    require: { signature: true, signer: 'other' },
  },
]

/** An application that counts what reaches it. */
export async function startCounting(t: { teardown(fn: () => unknown): void }) {
  const received: Received[] = []
  const server = createServer(async (request, response) => {
    const hash = createHash('sha256')
    let bytes = 0
    for await (const chunk of request) {
      hash.update(chunk as Buffer)
      bytes += (chunk as Buffer).length
    }
    const { method = '', url = '', headers } = request
    received.push({ method, url, headers, sha256: hash.digest('hex'), bytes })
    response.end(`done ${method} ${url}`)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.teardown(() => server.close().closeAllConnections())
  return { received, port: (server.address() as AddressInfo).port }
}

/** People with passkeys and programs at a hub with the app `git`. `person` says whom the provider lets in next. */
export async function signersOf(
  hub: TestHub,
  person: (name: string, group: string) => void,
  program: string,
) {
  const keys = await keysOf(hub)

  async function signer(name: string): Promise<Signer> {
    person(name, 'dev')
    const visitor = hub.visitor()
    const { access_token } = await authorize(hub, visitor, program, `${hub.appUrl('git')}/`)
    const key = new FakeAuthenticator(keys.origin)
    const holder = { name: `${name}@example.com`, visitor, key }
    const enrolled = await keys.enrol(holder, await keys.link(holder.name))
    if (enrolled.status !== 200) throw new Error(`${enrolled.status} ${enrolled.code}`)
    return { ...holder, token: access_token }
  }

  async function ask(
    url: string,
    token: string,
    more: { method?: string; body?: string | Buffer; headers?: object },
  ) {
    const { method = 'GET', body, headers = {} } = more
    const answer = await hub.visitor().fetch(url, {
      method,
      timeoutMs: 60_000,
      headers: { accept: 'application/json', authorization: `Bearer ${token}`, ...headers },
      ...(body !== undefined && { body }),
    })
    const said = answer.text.startsWith('{') ? JSON.parse(answer.text) : {}
    return { ...said, ...answer } as Said
  }

  /** A request of the person's program, which waits for its response unless it prefers not to. */
  const send = (
    { token }: Signer,
    method: string,
    path: string,
    more: { body?: string | Buffer; headers?: object; app?: string } = {},
  ) => ask(hub.appUrl(more.app ?? 'git') + path, token, { method, ...more })

  /** The same, with 202 and where the outcome is. */
  async function leave(
    who: Signer,
    method: string,
    path: string,
    more: { body?: string | Buffer; app?: string } = {},
  ) {
    const said = await send(who, method, path, { ...more, headers: { prefer: 'respond-async' } })
    if (said.status !== 202) throw new Error(`${said.status} ${said.text}`)
    return said
  }

  /** What a program gets that comes back. */
  const poll = ({ token }: Signer, { headers }: Answer) => ask(headers.location ?? '', token, {})

  const named = (url: string) => {
    const [name, id] = new URL(url, hub.signInUrl).pathname.split('/').slice(-2)
    return { name: name === 'intents' ? 'signed-intent' : name, id }
  }

  const begin = ({ visitor }: Signer, url: string) => keys.post(visitor, '/web/sign/begin', named(url))
  const finish = ({ visitor }: Signer, url: string, ceremony: string, response: unknown) =>
    keys.post(visitor, '/web/sign/finish', { ...named(url), ceremony, response })

  /** Signs what the page at `url` shows; resolves to the last response. */
  async function sign(who: Signer, url: string) {
    const begun = await begin(who, url)
    if (begun.status !== 200) return begun
    return finish(who, url, begun.ceremony, who.key.get(begun.options))
  }
  const decline = ({ visitor }: Signer, url: string) => keys.post(visitor, '/web/sign/decline', named(url))

  return { keys, signer, send, leave, poll, begin, finish, sign, decline }
}

/** A plugin that takes the notifications of requests to sign. */
export function listening() {
  const notified: Notification[] = []
  const ear = defineHubPlugin({
    name: 'ear',
    api: 1,
    summary: 'Takes notifications of requests to sign',
    provides: { notifiers },
    setup({ provide }) {
      provide.notifiers({
        name: 'ear',
        takes: ({ kind }) => kind === 'signed-intent',
        deliver: async (message) => void notified.push(message),
      })
    },
  })
  return {
    ear,
    notified,
    /** The address of the next one. */
    async nextPage(): Promise<string> {
      await until(async () => notified.length > 0, 'somebody is notified')
      return (notified.shift() as Notification).path ?? ''
    },
  }
}

/** A hub with rules that want signatures, an application that counts what reaches it, and people. */
export async function startSigning(t: { teardown(fn: () => unknown): void }) {
  const { received, port } = await startCounting(t)
  const { ear, notified, nextPage } = listening()
  const clock: FakeClock = fakeClock()
  const world = await startWorld(t, {
    clock,
    plugins: { 'signed-intent': { body_bytes: 4_000_000 } },
    more: [ear],
    roles: { dev: roleOf(true) },
  })
  const { hub, person, client, agent } = world
  const sentences = [{ methods: ['DELETE'], path: '/repos/{owner}/{repo}', text: 'Delete repository {repo}' }]
  await world.register('git', {
    uri: `http://127.0.0.1:${port}`,
    agents: [agent.hostname],
    plugins: { 'signed-intent': { sentences } },
  })
  await world.register('wiki', { uri: `http://127.0.0.1:${port}`, agents: [agent.hostname] })

  /** Whether the role allows what must be signed. */
  const rules = (isFull: boolean) =>
    hub.api('PUT', '/roles/dev', {
      kind: 'role',
      version: 'v1',
      metadata: { name: 'dev' },
      spec: roleOf(isFull),
    })

  const signers = await signersOf(hub, person, await client())
  return { ...world, ...signers, rules, clock, received, notified, nextPage }
}
