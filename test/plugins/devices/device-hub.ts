import { createHash } from 'node:crypto'
import { createServer, type IncomingHttpHeaders } from 'node:http'
import { Agent } from 'node:https'
import type { AddressInfo } from 'node:net'
import type { Duplex } from 'node:stream'
import { defineHubPlugin, type Notification, notifiers } from '@mezite/core'
import {
  type Answer,
  createTestAgent,
  createTestHub,
  type FakeClock,
  fakeClock,
  type TestHub,
} from '@mezite/core/testing'
import { until } from '../../until.ts'
import { type Holder, keysOf } from '../webauthn/key-hub.ts'

/** Another network than that of 127.0.0.1, for which Linux needs no setting. */
export const ELSEWHERE = '127.9.9.9'
const SECRET = /mezite_dev_[A-Za-z0-9_-]{43}/

/** What a person gets who has added a device. */
export interface Added {
  readonly id: string
  readonly secret: string
  readonly page: Answer
}

/** A device as the API lists it. */
export interface ListedDevice {
  readonly id: string
  readonly user: string
  readonly name: string
  readonly app: string
  readonly paths: readonly string[]
  readonly expires: string
  readonly first_used: { readonly client_ip: string; readonly user_agent: string } | null
  readonly last_used: { readonly client_ip: string; readonly user_agent: string } | null
  readonly moved: string | null
}

export interface Received {
  readonly method: string
  readonly url: string
  readonly headers: IncomingHttpHeaders
}

/** An application that shows who asks, drips at `/drip`, and takes WebSockets. */
async function startUpstream() {
  const received: Received[] = []
  const sockets = new Set<Duplex>()
  const server = createServer((request, response) => {
    const { method = '', url = '', headers } = request
    request.resume()
    received.push({ method, url, headers })
    if (url !== '/drip') return void response.end(`for ${String(headers['x-mezite-user'])}`)
    response.write('.')
    const timer = setInterval(() => response.write('.'), 20)
    response.on('close', () => clearInterval(timer))
  })
  server.on('upgrade', ({ method = '', url = '', headers }, socket) => {
    received.push({ method, url, headers })
    sockets.add(socket)
    socket.on('error', () => {})
    socket.on('close', () => sockets.delete(socket))
    const accept = createHash('sha1')
      .update(`${headers['sec-websocket-key']}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`)
      .digest('base64')
    socket.write(
      `HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${accept}\r\n\r\n`,
    )
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    received,
    port: (server.address() as AddressInfo).port,
    close() {
      for (const socket of sockets) socket.destroy()
      server.close().closeAllConnections()
    },
  }
}

/** A hub with two apps, people with passkeys, and somebody who takes notifications about devices. */
export async function startDeviceHub(
  t: { teardown(fn: () => unknown): void },
  { config = {} }: { readonly config?: object } = {},
) {
  const clock: FakeClock = fakeClock()
  const upstream = await startUpstream()
  const notified: Notification[] = []
  const ear = defineHubPlugin({
    name: 'ear',
    api: 1,
    summary: 'Takes notifications about devices',
    provides: { notifiers },
    setup({ provide }) {
      provide.notifiers({
        name: 'ear',
        takes: ({ kind }) => kind === 'device',
        deliver: async (message) => void notified.push(message),
      })
    },
  })
  const calls = { tokens: 10_000, sign_in: 10_000, other: 10_000, keys: 10_000, pages: 10_000 }
  const hub: TestHub = await createTestHub({
    clock,
    config: { proxy: { limits: { calls_per_minute: calls } }, plugins: config },
    plugins: [ear],
  })
  const agent = await createTestAgent(hub)
  t.teardown(async () => {
    await agent.stop()
    await hub.stop()
    upstream.close()
  })
  const keys = await keysOf(hub)
  const register = (name: string, labels: object, spec: object = {}) =>
    hub.api('PUT', `/apps/${name}`, {
      kind: 'app',
      version: 'v1',
      metadata: { name, labels },
      spec: { uri: `http://127.0.0.1:${upstream.port}`, agents: [agent.hostname], ...spec },
    })
  const role = (name: string, spec: object) =>
    hub.api('PUT', `/roles/${name}`, { kind: 'role', version: 'v1', metadata: { name }, spec })
  await register('one', { env: 'test' })
  await register('two', { env: 'test' })
  await role('staff', { allow: { app_labels: { env: 'test' } } })

  // Confirmations are told apart by their time.
  const ways = devicesOf(hub, keys, () => clock.advance(1))

  return {
    ...{ hub, keys, clock, agent, notified, received: upstream.received },
    ...{ register, role, ...ways },
  }
}

/** The way of a person to a device at a hub with the app `one`, and the requests of clients. */
export function devicesOf(
  hub: Pick<TestHub, 'api' | 'appUrl' | 'signInUrl' | 'visitor'>,
  keys: Awaited<ReturnType<typeof keysOf>>,
  beforeConfirming: () => void = () => {},
) {
  const devices = (user?: string) =>
    hub.api<ListedDevice[]>('GET', `/devices${user === undefined ? '' : `?user=${user}`}`)

  /** The person confirms with a passkey for the page that adds devices. */
  async function confirm({ visitor, key }: Holder) {
    beforeConfirming()
    const asked = await keys.post(visitor, '/web/confirm-action/begin', {})
    const done = await keys.post(visitor, '/web/confirm-action/finish', {
      ...{ target: '/web/devices/new', ceremony: asked.ceremony },
      response: key.get(asked.options),
    })
    if (done.status !== 200) throw new Error(`not confirmed: ${done.status} ${done.code}`)
  }

  const fill = (form: object) =>
    ({ app: 'one', name: 'Phone', days: '90', paths: '', ...form }) as Readonly<Record<string, string>>

  /** Sends the form; the response is the page that the person then sees. */
  async function submit({ visitor }: Holder, form: object = {}): Promise<Answer> {
    return visitor.fetch(`${hub.signInUrl}/web/devices`, {
      method: 'POST',
      headers: {
        'content-type': 'application/x-www-form-urlencoded',
        accept: 'text/html',
        origin: hub.signInUrl,
        'sec-fetch-site': 'same-origin',
      },
      body: new URLSearchParams(fill(form)).toString(),
    })
  }

  /** Adds a device as a person does. */
  async function add(holder: Holder, form: object = {}): Promise<Added> {
    await confirm(holder)
    const page = await submit(holder, form)
    const [secret] = SECRET.exec(page.text) ?? []
    if (secret === undefined) throw new Error(`no device: ${page.status} ${page.text}`)
    const { name } = fill(form)
    let id = ''
    // Of two hubs, the one that is asked may learn of the device a moment later.
    await until(async () => {
      id = (await devices(holder.name)).filter((one) => one.name === name).at(-1)?.id ?? ''
      return id !== ''
    }, `the device ${name} is listed`)
    return { id, secret, page }
  }

  /** A request of a client without cookies. */
  async function ask(
    app: string,
    path: string,
    headers: Readonly<Record<string, string>>,
    { from, method = 'GET', body }: { from?: string; method?: string; body?: string } = {},
  ): Promise<Answer> {
    const agent = new Agent(from === undefined ? {} : { localAddress: from })
    try {
      return await hub.visitor().fetch(hub.appUrl(app) + path, {
        ...{ method, headers, agent },
        ...(body !== undefined && { body }),
      })
    } finally {
      agent.destroy()
    }
  }

  return { devices, confirm, submit, add, ask }
}

export const basic = (user: string, password: string) =>
  `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`
