import { connect as connectHttp2 } from 'node:http2'
import type { Duplex } from 'node:stream'
import { JOIN_ALPN, MezError } from '@mezite/core/agent'
import { makeKeyRequest } from './certificate-request.ts'
import { connectPinned } from './hub-connection.ts'
import type { Identity } from './identity-store.ts'

const ANSWER_MS = 15_000
const ANSWER_BYTES = 256 * 1024

/**
 * Spends a join token for a certificate. Throws `MEZ_TOKEN_REFUSED` and `MEZ_PIN_MISMATCH`, which no retry
 * mends, or `MEZ_HUB_UNREACHABLE`.
 */
export async function joinCluster(options: {
  readonly carrier: Duplex
  readonly host: string
  readonly caPin: string
  readonly token: string
  readonly hostname: string
}): Promise<Identity> {
  const { hostname, token } = options
  const { key, csr } = await makeKeyRequest(hostname)
  const socket = await connectPinned({ ...options, alpn: [JOIN_ALPN] })
  try {
    const session = connectHttp2('https://hub', { createConnection: () => socket })
    const { status, body } = await post(session, { token, csr, hostname })
    if (status >= 400 && status < 500 && status !== 429) {
      throw new MezError(
        'MEZ_TOKEN_REFUSED',
        `the hub refuses to admit ${hostname}: ${body.detail ?? body.code}`,
      )
    }
    const { certificate, hub_ca: hubCa, cluster } = body
    const complete = typeof certificate === 'string' && typeof cluster === 'string' && Array.isArray(hubCa)
    if (status !== 200 || !complete)
      throw new MezError('MEZ_HUB_UNREACHABLE', `the hub answered ${status} to joining`)
    return { hostname, clusterName: cluster, key, certificate, hubCa: hubCa.map(String) }
  } finally {
    socket.destroy()
  }
}

function post(
  session: ReturnType<typeof connectHttp2>,
  message: object,
): Promise<{ status: number; body: Record<string, unknown> }> {
  return new Promise((resolve, reject) => {
    const fail = (why: string): void => {
      clearTimeout(deadline)
      session.destroy()
      reject(new MezError('MEZ_HUB_UNREACHABLE', why))
    }
    const deadline = setTimeout(() => fail('the hub did not answer in time'), ANSWER_MS)
    session.on('error', (error) => fail(error.message))
    const stream = session.request({
      ':method': 'POST',
      ':path': '/v1/join',
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
      if (size > ANSWER_BYTES) return fail('the answer is too long')
      chunks.push(chunk)
    })
    stream.once('close', () => {
      clearTimeout(deadline)
      try {
        const body: unknown = JSON.parse(Buffer.concat(chunks).toString('utf8'))
        if (typeof body !== 'object' || body === null) throw new Error('no object')
        resolve({ status, body: body as Record<string, unknown> })
      } catch {
        fail(status ? `the hub answered ${status} to joining` : 'the hub closed the connection')
      }
    })
    stream.end(Buffer.from(JSON.stringify(message)))
  })
}
