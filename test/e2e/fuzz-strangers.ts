import { once } from 'node:events'
import { type ClientHttp2Session, connect as connectHttp2 } from 'node:http2'
import { connect as connectTls } from 'node:tls'
import type { ProveCarrier } from '../../core/wire/carrier-proof.ts'
import { randomFrom } from './fuzz-listeners.ts'
import {
  connectCarrier,
  type HubPort,
  openHttp2,
  upgradeCarrier,
  WEBSOCKET,
  WEBTRANSPORT,
} from './open-carrier.ts'

export interface StrangerTargets extends HubPort {
  /** Proves a join token, for bytes behind a proof; null: there are only strangers. */
  readonly prove: ProveCarrier | null
}

/** Types of capsules that WebTransport over HTTP/2 defines, datagrams, and numbers that it does not. */
const CAPSULES = [
  ...Array.from({ length: 13 }, (_, at) => 0x190b4d38 + at),
  ...[0x2843, 0x78ae, 0, 1, 0x40, 2 ** 40],
]
const NUMBERS = [0, 1, 2, 3, 4, 63, 64, 16_383, 16_384, 2 ** 30 - 1, 2 ** 30, 2 ** 53, 2 ** 61]
const PATHS = [
  ...['/', '/web/login', '/web/continue', '/web/launch', '/web/enrol', '/v1/webapi/me', '/v1/webapi/apps'],
  ...[
    '/v1/webapi/oidc/callback',
    '/v1/webapi/oidc/backchannel-logout',
    '/v1/webapi/cli/token',
    '/v1/webapi/tokens',
  ],
  ...['/v1/webapi/openapi.json', '/v1/webapi/status', '/v1/webapi/login', '/.well-known/jwks.json'],
  ...[
    'authorize',
    'authorize/x',
    'token',
    'register',
    'device_authorization',
    'device',
    'revoke',
    'introspect',
  ].map((name) => `/v1/oauth/${name}`),
  ...['/v1/oauth/userinfo', '/v1/oauth/keys', '/.well-known/oauth-authorization-server', '/web/oauth/x'],
  ...[WEBSOCKET, WEBTRANSPORT, '/%00', '/..%2f', '//'],
]
const METHODS = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'TRACE', 'QUERY']
const TYPES = [
  'application/json',
  'application/x-www-form-urlencoded',
  'text/plain',
  'multipart/form-data',
  '',
]
const TEXTS = [
  '{}',
  '[]',
  'null',
  '{"a":',
  '{"__proto__":{"x":1}}',
  '{"a":1,"a":2}',
  'state=x&code=y',
  'client_id=https://x/&response_type=code&redirect_uri=http://127.0.0.1/&code_challenge=x&resource=https://y/',
  'grant_type=authorization_code&code=x&client_id=x&code_verifier=%ff&resource=%00',
  'client_id=x&client_assertion_type=urn:ietf:params:oauth:client-assertion-type:jwt-bearer&client_assertion=e30.e30.',
  '{"redirect_uris":["http://127.0.0.1/"],"jwks":{"keys":[{"kty":"RSA"}]}}',
  '\u0000',
]

/**
 * Sends what strangers can send behind TLS, by grammar and at random: capsules and frames on both carriers without a proof
 * and with one, requests to the API, pages and callbacks over HTTP/2, and requests to join. Resolves with their number.
 */
export async function fuzzStrangers(targets: StrangerTargets, seed: number, count: number): Promise<number> {
  const random = randomFrom(seed)
  const pick = <T>(list: readonly T[]): T => list[Math.floor(random() * list.length)] as T
  const bytes = (most: number) =>
    Buffer.from(Array.from({ length: Math.floor(random() * most) }, () => random() * 256))

  function number(value: number): Buffer {
    if (value < 64) return Buffer.from([value])
    if (value < 16_384) return Buffer.from([0x40 | (value >> 8), value & 255])
    const wide = Buffer.alloc(8)
    wide.writeBigUInt64BE(BigInt(value) | (3n << 62n))
    return wide
  }
  function capsule(): Buffer {
    const body = Buffer.concat([
      ...Array.from({ length: random() * 3 }, () => number(pick(NUMBERS))),
      bytes(random() < 0.1 ? 70_000 : 40),
    ])
    const length = random() < 0.8 ? body.length : pick(NUMBERS)
    return Buffer.concat([number(pick(CAPSULES)), number(length), body])
  }
  function frame(): Buffer {
    const body = bytes(random() < 0.1 ? 70_000 : 120)
    const head = [Math.floor(random() * 256), (random() < 0.8 ? 0x80 : 0) | Math.min(body.length, 125)]
    if (random() < 0.2) head[1] = (head[1] as number) | 0x7f
    return Buffer.concat([Buffer.from(head), bytes(9), body])
  }
  const body = (one: () => Buffer) =>
    random() < 0.3 ? bytes(3_000) : Buffer.concat(Array.from({ length: 1 + random() * 6 }, one))
  /** None, a wrong one, or a valid one. */
  const authorization = (method: 'GET' | 'CONNECT', path: string) => {
    const proof = targets.prove?.({ method, host: targets.host, path })
    if (proof === undefined || random() < 0.2) return random() < 0.5 ? {} : { authorization: 'Mezite-Join x' }
    return { authorization: random() < 0.2 ? proof.slice(0, -1 - random() * 40) : proof }
  }
  const settle = () => new Promise((resolve) => setTimeout(resolve, random() * 15))

  async function webTransport(): Promise<void> {
    const session = await openHttp2(targets)
    const streams = random() < 0.2 ? 12 : 1
    await Promise.all(
      Array.from({ length: streams }, () =>
        connectCarrier(session, body(capsule), authorization('CONNECT', WEBTRANSPORT)),
      ),
    )
    await settle()
    session.destroy()
  }
  async function webSocket(): Promise<void> {
    const { socket } = await upgradeCarrier(targets, body(frame), authorization('GET', WEBSOCKET))
    await settle()
    socket.destroy()
  }
  async function requests(): Promise<void> {
    const session = await openHttp2(targets)
    await Promise.all(Array.from({ length: 8 }, () => ask(session)))
    session.destroy()
  }
  function ask(session: ClientHttp2Session): Promise<void> {
    const text = pick(TEXTS)
    const path = `${pick(PATHS)}${random() < 0.5 ? `?${encodeURIComponent(text)}&state=${bytes(30).toString('hex')}` : ''}`
    return respond(session, pick(METHODS), path, random() < 0.5 ? Buffer.from(text) : bytes(500), {
      'content-type': pick(TYPES),
      cookie: `__Host-mezite_session=${bytes(40).toString('base64url')}`,
      ...(random() < 0.5 && { authorization: `Bearer ${bytes(40).toString('base64url')}` }),
      origin: `https://${targets.host}:${targets.port}`,
    })
  }
  async function join(): Promise<void> {
    const socket = connectTls({
      ...{ port: targets.port, host: '127.0.0.1', servername: targets.host, rejectUnauthorized: false },
      ALPNProtocols: ['mezite-join/1'],
    })
    const session = connectHttp2('https://hub', { createConnection: () => socket })
    session.on('error', () => {})
    socket.on('error', () => {})
    const asked = { token: pick(TEXTS), csr: pick(TEXTS), hostname: pick(['node-1', '', '../x', 'A']) }
    const said = random() < 0.5 ? Buffer.from(JSON.stringify(asked)) : Buffer.from(pick(TEXTS))
    await respond(session, 'POST', pick(['/v1/join', '/v1/renew', '/']), said, {})
    session.destroy()
  }
  /** Sends a request, and waits for its end. */
  async function respond(
    session: ClientHttp2Session,
    method: string,
    path: string,
    sent: Buffer,
    headers: Readonly<Record<string, string>>,
  ): Promise<void> {
    try {
      const stream = session.request({ ':method': method, ':path': path, ...headers }, { endStream: false })
      stream.on('error', () => {})
      stream.resume()
      stream.end(sent)
      await Promise.race([
        once(stream, 'close').catch(() => {}),
        new Promise((end) => setTimeout(end, 20_000).unref()),
      ])
    } catch {
      // The hub has ended the session.
    }
  }

  let left = count
  const worker = async () => {
    while (left-- > 0) await pick([webTransport, webTransport, webSocket, webSocket, requests, join])()
  }
  await Promise.all(Array.from({ length: 8 }, worker))
  return count
}
