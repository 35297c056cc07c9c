import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { type ClientHttp2Session, connect as connectHttp2 } from 'node:http2'
import { connect as connectTls } from 'node:tls'
import type { ProveCarrier } from '../../core/wire/carrier-proof.ts'
import { randomFrom } from './fuzz-listeners.ts'
import {
  ConnectionEnded,
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
  /** Host of an app; absent: there is none. */
  readonly appHost?: string
}

/** Types of capsules that WebTransport over HTTP/2 defines, datagrams, and numbers that it does not. */
const CAPSULES = [
  ...Array.from({ length: 13 }, (_, at) => 0x190b4d38 + at),
  ...[0x2843, 0x78ae, 0, 1, 0x40, 2 ** 40],
]
const NUMBERS = [0, 1, 2, 3, 4, 63, 64, 16_383, 16_384, 2 ** 30 - 1, 2 ** 30, 2 ** 53, 2 ** 61]
const PATHS = [
  ...[
    '/',
    '/web/login',
    '/web/continue',
    '/web/launch',
    '/web/enrol',
    '/web/invitation',
    '/v1/webapi/me',
    '/v1/webapi/apps',
  ],
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
  ...['/.well-known/openid-configuration', '/.well-known/oauth-protected-resource', '/v1/oauth/authorize?'],
  ...['/v1/webapi/user-certs', '/v1/webapi/me/tokens', '/v1/webapi/clients', '/v1/webapi/bots/x/secret'],
  ...['/web/docs/search?q=', '/web/docs/pictures/x', ...[WEBSOCKET, WEBTRANSPORT, '/%00', '/..%2f', '//']],
]
const APP_PATHS = [
  '/',
  '/.well-known/oauth-protected-resource',
  '/.well-known/oauth-protected-resource/x',
  '/%00',
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
  'grant_type=client_credentials&client_id=bot:x&client_secret=mezite_bot_x&resource=https://y/',
  'grant_type=urn:ietf:params:oauth:grant-type:token-exchange&client_id=bot:x&subject_token=e30.e30.&subject_token_type=urn:ietf:params:oauth:token-type:id_token&resource=%ff',
  'grant_type=refresh_token&client_id=x&refresh_token=mezite_rt_%00&resource[]=a&resource[]=b',
  'grant_type=urn:ietf:params:oauth:grant-type:device_code&client_id=x&device_code=x&device_code=y',
  'token=mezite_at_x&token_type_hint=__proto__&client_id=bot:x',
  '{"bot":"x","public_key":"x","id_token":"e30.e30.","assertion":7}',
  '{"bot":{"__proto__":1},"public_key":"-----BEGIN PUBLIC KEY-----","secret":"mezite_bot_x"}',
  '{"redirect_uris":["http://127.0.0.1/"],"jwks":{"keys":[{"kty":"RSA"}]}}',
  '\u0000',
]

/**
 * Sends what strangers can send behind TLS, by grammar and at random: capsules and frames on both carriers without a proof
 * and with one, requests to the API, to endpoints for programs, pages and callbacks over HTTP/2, requests to an app with
 * tokens, and requests to join. Resolves with their number. The hub may end a connection; it may not leave one unanswered.
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
      ...(random() < 0.5 && credential()),
      origin: `https://${targets.host}:${targets.port}`,
    })
  }
  /** What a program presents: of the right form, or nearly. */
  function credential(): Record<string, string> {
    const secret = random() < 0.7 ? randomBytes(32).toString('base64url') : bytes(60).toString('base64url')
    const token = `${pick(['mezite_at_', 'mezite_rt_', 'mezite_bot_', ''])}${secret}`
    const basic = Buffer.from(pick([`git:${token}`, token, `bot:x:${token}`])).toString('base64')
    const line = pick([
      `Bearer ${token}`,
      `Basic ${basic}`,
      `DPoP ${token}`,
      `bearer  ${token}`,
      'Basic ',
      'DPoP',
    ])
    const proof = pick([
      'e30.e30.e30',
      'e30',
      `${Buffer.from('{"typ":"dpop+jwt","alg":"none"}').toString('base64url')}.e30.`,
    ])
    return {
      ...(random() < 0.8 && { authorization: line }),
      ...(random() < 0.3 && { 'mezite-token': token }),
      ...(random() < 0.3 && { dpop: proof }),
    }
  }
  /** Requests to an app, as programs send them. */
  async function programs(): Promise<void> {
    const { appHost = targets.host } = targets
    const session = await openHttp2({ ...targets, host: appHost })
    const one = () =>
      respond(session, pick(METHODS), pick(APP_PATHS), bytes(200), {
        accept: 'application/json',
        ...credential(),
        ...(random() < 0.2 && { cookie: `__Host-mezite_app=${bytes(40).toString('base64url')}` }),
      })
    await Promise.all(Array.from({ length: 8 }, one))
    session.destroy()
  }
  async function join(): Promise<void> {
    const socket = connectTls({
      port: targets.port,
      host: '127.0.0.1',
      servername: targets.host,
      rejectUnauthorized: false,
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
    while (left-- > 0)
      await pick([
        webTransport,
        webTransport,
        webSocket,
        webSocket,
        requests,
        requests,
        programs,
        join,
      ])().catch((error) => {
        if (!(error instanceof ConnectionEnded)) throw error
      })
  }
  await Promise.all(Array.from({ length: 8 }, worker))
  return count
}
