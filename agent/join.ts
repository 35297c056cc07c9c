import { createHash, type X509Certificate } from 'node:crypto'
import { connect as connectHttp2 } from 'node:http2'
import type { Duplex } from 'node:stream'
import type { TLSSocket } from 'node:tls'
import { connectHub, JOIN_ALPN, MezError, shakeHands } from '@mezite/core/agent'
import { type KeyRequest, makeKeyRequest } from './certificate-request.ts'
import type { Identity } from './identity-store.ts'

const RESPONSE_MS = 15_000
const RESPONSE_BYTES = 256 * 1024
const SERVER_AUTH = '1.3.6.1.5.5.7.3.1'

/**
 * Opens TLS for joining to a hub of which only the pin is known. Resolves after the hub has proved that an authority with
 * one of the pinned keys issued its certificate; no data is sent earlier. Throws `MEZ_PIN_MISMATCH` or
 * `MEZ_HUB_UNREACHABLE`.
 */
export async function connectPinned(options: {
  readonly carrier: Duplex
  readonly host: string
  /** `sha256:` and hex; several pins are separated by commas. */
  readonly caPin: string
}): Promise<TLSSocket> {
  const socket = await shakeHands({ ...options, alpn: [JOIN_ALPN] }, { rejectUnauthorized: false })
  if (chainHasPin(socket.getPeerX509Certificate(), options.caPin)) return socket
  socket.destroy()
  throw new MezError('MEZ_PIN_MISMATCH', 'the hub does not show the pinned certificate authority')
}

/** Opens TLS for renewing an expired identity. Throws like `connectHub`. */
export function connectExpired(
  carrier: Duplex,
  host: string,
  { hubCa, clusterName, key, certificate }: Identity,
): Promise<TLSSocket> {
  return connectHub({ carrier, host, alpn: [JOIN_ALPN], hubCa, clusterName, key, certificate })
}

/**
 * Exchanges a join token for a certificate. Throws `MEZ_TOKEN_REFUSED`, which retrying cannot solve,
 * `MEZ_HUB_UNREACHABLE`, or the error of `connect`.
 */
export async function joinCluster(options: {
  /** Opens a connection to the pinned hub. */
  readonly connect: () => Promise<TLSSocket>
  readonly token: string
  readonly hostname: string
  /** The hub takes a used token again only with the key that it was used with, so that each attempt must use the same. */
  readonly request: KeyRequest
}): Promise<Identity> {
  const { hostname, token } = options
  const { key, csr } = options.request
  const { status, body } = await post(await options.connect(), '/v1/join', { token, csr, hostname })
  if (status >= 400 && status < 500 && status !== 429) {
    throw new MezError(
      'MEZ_TOKEN_REFUSED',
      `the hub refused to admit ${hostname}: ${body.detail ?? body.code}`,
    )
  }
  const { certificate, hub_ca: hubCa, cluster } = body
  const complete = typeof certificate === 'string' && typeof cluster === 'string' && Array.isArray(hubCa)
  if (status !== 200 || !complete) {
    throw new MezError('MEZ_HUB_UNREACHABLE', `the hub responded with ${status} to the request to join`)
  }
  return { hostname, clusterName: cluster, key, certificate, hubCa: hubCa.map(String) }
}

/**
 * Renews an expired certificate within the hub's grace period: `connect` proves the old key. Null if the hub refuses
 * because the agent was removed or locked, the grace period is over, or the hub is an older version. Throws
 * `MEZ_HUB_UNREACHABLE`, or the error of `connect`.
 */
export async function renewExpired(
  expired: Identity,
  connect: () => Promise<TLSSocket>,
): Promise<Identity | null> {
  const { key, csr } = await makeKeyRequest(expired.hostname)
  const { status, body } = await post(await connect(), '/v1/renew', { csr })
  const { certificate, hub_ca: hubCa } = body
  if (status === 200 && typeof certificate === 'string' && Array.isArray(hubCa)) {
    return { ...expired, key, certificate, hubCa: hubCa.map(String) }
  }
  if (status >= 400 && status < 500 && status !== 429) return null
  throw new MezError('MEZ_HUB_UNREACHABLE', `the hub responded with ${status} to the request to renew`)
}

function chainHasPin(leaf: X509Certificate | undefined, caPin: string): boolean {
  const pins = new Set(caPin.split(',').map((pin) => pin.trim().toLowerCase()))
  const authority = leaf?.issuerCertificate
  if (!leaf || !authority?.ca || leaf.ca) return false
  const spki = authority.publicKey.export({ type: 'spki', format: 'der' })
  if (!pins.has(`sha256:${createHash('sha256').update(spki).digest('hex')}`)) return false
  const now = Date.now()
  return (
    leaf.checkIssued(authority) &&
    leaf.verify(authority.publicKey) &&
    Date.parse(leaf.validFrom) <= now &&
    Date.parse(leaf.validTo) > now &&
    (leaf.keyUsage ?? []).includes(SERVER_AUTH) &&
    /^DNS:hub\.[a-z0-9.-]+\.mezite\.internal$/.test(leaf.subjectAltName ?? '')
  )
}

/** Sends one request and closes the connection. */
async function post(
  socket: TLSSocket,
  path: string,
  message: object,
): Promise<{ status: number; body: Record<string, unknown> }> {
  try {
    return await exchange(connectHttp2('https://hub', { createConnection: () => socket }), path, message)
  } finally {
    socket.destroy()
  }
}

function exchange(
  session: ReturnType<typeof connectHttp2>,
  path: string,
  message: object,
): Promise<{ status: number; body: Record<string, unknown> }> {
  return new Promise((resolve, reject) => {
    const fail = (why: string): void => {
      clearTimeout(deadline)
      session.destroy()
      reject(new MezError('MEZ_HUB_UNREACHABLE', why))
    }
    const deadline = setTimeout(() => fail('the hub did not respond in time'), RESPONSE_MS)
    session.on('error', (error) => fail(error.message))
    const stream = session.request({
      ':method': 'POST',
      ':path': path,
      'content-type': 'application/json',
    })
    const chunks: Buffer[] = []
    let size = 0
    let status = 0
    stream.on('error', (error) => fail(error.message))
    stream.once('response', (headers) => {
      status = Number(headers[':status'])
    })
    stream.on('data', (chunk: Buffer) => {
      size += chunk.length
      if (size > RESPONSE_BYTES) return fail('the response is too long')
      chunks.push(chunk)
    })
    stream.once('close', () => {
      clearTimeout(deadline)
      try {
        const body: unknown = JSON.parse(Buffer.concat(chunks).toString('utf8'))
        if (typeof body !== 'object' || body === null) throw new Error('not an object')
        resolve({ status, body: body as Record<string, unknown> })
      } catch {
        fail(status ? `the hub responded with ${status}` : 'the hub closed the connection')
      }
    })
    stream.end(Buffer.from(JSON.stringify(message)))
  })
}
