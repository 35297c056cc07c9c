import type { X509Certificate } from 'node:crypto'
import { once } from 'node:events'
import { connect } from 'node:tls'
import { createTestHub, freePort, type TestHub, type TestHubOptions } from '@mezite/core/testing'

/** One certificate of `mezctl certs ls`. */
export interface Listed {
  readonly name: string
  readonly names: readonly string[]
  readonly issuer: string | null
  readonly not_after: string | null
  readonly state: string
  readonly last_error: string | null
  readonly next_attempt: string | null
}

export const HUB = 'hub.mezite.localhost'
export const hostOf = (app: string) => `${app}.apps.mezite.localhost`

/** Ports where a hub listens and an authority looks. */
export const freePorts = async () => ({ tlsPort: await freePort(), httpPort: await freePort() })
export type Ports = Awaited<ReturnType<typeof freePorts>>

/** A hub without certificate files, unless `moreProxy` names some. */
export function startHub(
  { tlsPort, httpPort }: Ports,
  acme: object,
  more: TestHubOptions = {},
  moreProxy: object = {},
): Promise<TestHub> {
  const proxy = {
    listen_addr: `127.0.0.1:${tlsPort}`,
    public_addr: `${HUB}:${tlsPort}`,
    redirect_addr: `127.0.0.1:${httpPort}`,
    ...moreProxy,
  }
  return createTestHub({ ...more, config: { proxy, plugins: { acme }, ...more.config } })
}

export const listed = (hub: TestHub) => hub.api<readonly Listed[]>('GET', '/certificates')
export const states = async (hub: TestHub): Promise<Readonly<Record<string, string>>> =>
  Object.fromEntries((await listed(hub)).map(({ name, state }) => [name, state]))

/** The document of the registered app. */
export const register = (hub: TestHub, name: string, public_addr = hostOf(name)) =>
  hub.api<{ status: { certificate: { state: string; error: string | null } } }>('POST', '/apps', {
    kind: 'app',
    version: 'v1',
    metadata: { name },
    spec: { uri: 'http://127.0.0.1:9', agents: ['node-1'], public_addr },
  })

/** What a browser gets that trusts `ca`: the names of the certificate, or the reason of the error. */
export async function handshake(
  port: number,
  servername: string,
  ca: string,
  alpn = 'http/1.1',
): Promise<string> {
  const socket = connect({ port, host: '127.0.0.1', servername, ca, ALPNProtocols: [alpn] })
  const failed = once(socket, 'error').then(([error]) => String(error.reason ?? error.code))
  const done = once(socket, 'secureConnect').then(() => socket.getPeerCertificate().subjectaltname ?? '')
  return Promise.race([failed, done]).finally(() => socket.destroy())
}
/** The certificate that a browser gets. */
export async function leafOf(port: number, servername: string, ca: string): Promise<X509Certificate> {
  const socket = connect({ port, host: '127.0.0.1', servername, ca })
  await once(socket, 'secureConnect')
  const leaf = socket.getPeerX509Certificate()!
  socket.destroy()
  return leaf
}
