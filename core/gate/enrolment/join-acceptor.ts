import type { X509Certificate } from 'node:crypto'
import { constants, performServerHandshake, type ServerHttp2Stream } from 'node:http2'
import type { Duplex } from 'node:stream'
import type { TLSSocket } from 'node:tls'
import type { Audit } from '../../api/audit.ts'
import type { Authorities } from '../../api/certificate-authorities.ts'
import { Problem } from '../../api/problem.ts'
import type { ConnectionInfo } from '../../api/protocol.ts'
import type { ProxyLimits } from '../../api/proxy-limits.ts'
import { problemFor } from '../../api/reasons.ts'
import type { Revisions } from '../../api/revisions.ts'
import { addressShares } from '../../base/limits/address-key.ts'
import { createRateLimit } from '../../base/limits/rate-limit.ts'
import type { Clock } from '../../kernel/clock.ts'
import { messageOf } from '../../kernel/error.ts'
import type { Log } from '../../kernel/log.ts'
import { releaseListeners } from '../../wire/listener-release.ts'
import { acceptTls, createCarriers } from '../../wire/tls-acceptor.ts'
import { JOIN_ALPN } from '../../wire/tunnel-protocol.ts'
import { RENEWAL_GRACE_MS, readAgentCertificate } from './agent-certificate.ts'
import type { Enrolment } from './enrolment.ts'

type JoinOrigin = Pick<ConnectionInfo, 'clientIp' | 'authenticated'>

export type JoinAcceptor = ReturnType<typeof createJoinAcceptor>

/** Accepts the connections of agents that join or renew an expired certificate: TLS, rate limit, one request. */
export function createJoinAcceptor(options: {
  readonly enrolment: Pick<Enrolment, 'join' | 'renew'>
  readonly authorities: Pick<Authorities, 'bundle' | 'hubIdentity' | 'issuerOf'>
  readonly revisions: Pick<Revisions, 'catchUp'>
  readonly audit: Pick<Audit, 'record'>
  readonly locks: { isAgentLocked(hostname: string): boolean }
  readonly clusterName: string
  readonly instanceId: string
  readonly config: { readonly proxy: { readonly limits: Pick<ProxyLimits, 'callsPerMinute'> } }
  readonly clock: Clock
  readonly log: Log
}) {
  const { enrolment, authorities, revisions, audit, locks, clusterName, instanceId, clock, log } = options
  const { tokens: joinsPerMinute } = options.config.proxy.limits.callsPerMinute
  const carriers = createCarriers()
  let closed = false
  const rates = createRateLimit(clock)
  const mayJoin = (clientIp: string): boolean =>
    addressShares(clientIp).every(({ key, share }) => rates.take(key, joinsPerMinute * share))

  async function join({ token, csr, hostname }: JoinBody, clientIp: string): Promise<object> {
    const { certificate } = await enrolment.join({ token, csr, hostname, clientIp })
    log.info({ agent: hostname, client_ip: clientIp }, 'agent joined')
    return {
      certificate,
      hub_ca: authorities.bundle('hub-ca'),
      cluster: clusterName,
      instances: [instanceId],
    }
  }

  /** TLS has verified that the agent has the key of the certificate; the validity dates are checked here. */
  async function renew(shown: X509Certificate | undefined, csr: unknown, clientIp: string): Promise<object> {
    const old = readAgentCertificate(shown, clusterName, (one) => authorities.issuerOf('agent-ca', one))
    if (!old) throw problemFor('certificate_refused', 'A certificate issued by this cluster is required.')
    if (old.notAfter + RENEWAL_GRACE_MS <= clock.now()) {
      throw problemFor('certificate_expired', 'The certificate expired too long ago.')
    }
    await revisions.catchUp()
    if (locks.isAgentLocked(old.hostname)) {
      throw problemFor('agent_locked', 'The agent is locked.')
    }
    const { certificate } = await enrolment.renew(old.hostname, old.serial, csr)
    log.info({ agent: old.hostname, client_ip: clientIp }, 'agent renewed an expired certificate')
    return { certificate, hub_ca: authorities.bundle('hub-ca') }
  }

  async function recorded(
    agent: unknown,
    { clientIp, authenticated }: JoinOrigin,
    run: () => Promise<object>,
  ): Promise<object> {
    try {
      const answer = await run()
      authenticated?.()
      return answer
    } catch (error) {
      const reason = error instanceof Problem ? error.code : 'internal_error'
      const fields = { agent: typeof agent === 'string' ? agent.slice(0, 255) : null }
      audit.record({ type: 'agent.rejected', success: false, reason, clientIp, fields })
      log.warn({ ...fields, client_ip: clientIp, error: messageOf(error) }, 'an agent could not join')
      throw error
    }
  }

  /**
   * Accepts a connection for `mezite-join/1`, with its ClientHello unread; calls `secured` after the handshake, and
   * `authenticated` once the token or the certificate is accepted.
   */
  function accept(raw: Duplex, from: JoinOrigin, secured: () => void = () => {}): void {
    const { clientIp } = from
    carriers.add(raw)
    if (closed) return void raw.destroy()
    acceptTls(raw, {
      authorities,
      alpn: JOIN_ALPN,
      agentCertificate: 'optional',
      failed: (error) =>
        log.debug({ client_ip: clientIp, error: messageOf(error) }, 'TLS with a joining agent failed'),
      secured: (socket) => {
        secured()
        // After TLS, so that a flood of connections without a handshake does not use up the attempts of agents.
        if (!mayJoin(clientIp)) {
          log.debug({ client_ip: clientIp }, 'too many attempts to join')
          return void socket.destroy()
        }
        const shown = socket.getPeerX509Certificate()
        const name = claimedName(shown)
        serveJoin(socket, {
          '/v1/join': (body) => recorded(body.hostname, from, () => join(body, clientIp)),
          '/v1/renew': ({ csr }) => recorded(name, from, () => renew(shown, csr, clientIp)),
        })
      },
    })
  }

  return {
    accept,
    /** Cuts the open connections, and refuses later ones. */
    close(): void {
      closed = true
      carriers.destroy()
    },
  }
}

const BODY_BYTES = 32 * 1024
const DEADLINE_MS = 15_000

type JoinBody = Readonly<Record<string, unknown>>

/**
 * Serves one POST with a small JSON body over HTTP/2, by path, then closes; any other request on the connection is
 * refused. Handlers throw `Problem` for errors that the client may see; any other error becomes 500 without details.
 */
function serveJoin(
  socket: TLSSocket,
  handlers: Readonly<Record<string, (body: JoinBody) => Promise<object>>>,
): void {
  const session = performServerHandshake(socket, {
    settings: { maxConcurrentStreams: 1, maxHeaderListSize: 8_192, initialWindowSize: 65_535 },
  })
  const deadline = setTimeout(() => socket.destroy(), DEADLINE_MS)
  session.on('error', () => socket.destroy())
  releaseListeners(session)
  socket.once('close', () => {
    clearTimeout(deadline)
    session.destroy()
  })
  let taken = false
  // Not `once`: an error on a stream without a listener would crash the hub.
  session.on('stream', (stream, headers) => {
    stream.on('error', () => {})
    if (taken) return stream.close(constants.NGHTTP2_REFUSED_STREAM)
    taken = true
    const path = headers[':path'] ?? ''
    const handler = Object.hasOwn(handlers, path) ? handlers[path] : undefined
    if (headers[':method'] !== 'POST' || !handler) {
      respond(stream, 404, { code: 'not_found' })
      session.close()
      return
    }
    read(stream)
      .then(handler)
      .then((body) => respond(stream, 200, body))
      .catch((error: unknown) => {
        if (error instanceof Problem) {
          return respond(stream, error.status, { code: error.code, detail: error.message })
        }
        respond(stream, 500, { code: 'internal_error' })
      })
      .finally(() => session.close())
      .catch(() => socket.destroy())
  })
}

function respond(stream: ServerHttp2Stream, status: number, body: object): void {
  if (stream.destroyed || stream.closed) return
  stream.respond({ ':status': status, 'content-type': 'application/json' })
  stream.end(Buffer.from(JSON.stringify(body)))
}

function read(stream: ServerHttp2Stream): Promise<JoinBody> {
  const invalid = (): Problem => problemFor('join_invalid', 'The body must be a small JSON object.')
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = []
    let size = 0
    stream.on('data', (chunk: Buffer) => {
      size += chunk.length
      if (size > BODY_BYTES) {
        reject(invalid())
        stream.removeAllListeners('data')
        stream.rstCode || stream.close(constants.NGHTTP2_ENHANCE_YOUR_CALM)
      } else chunks.push(chunk)
    })
    stream.once('aborted', () => reject(invalid()))
    stream.once('end', () => {
      try {
        const body: unknown = JSON.parse(Buffer.concat(chunks).toString('utf8'))
        if (typeof body !== 'object' || body === null || Array.isArray(body)) throw invalid()
        resolve(body as JoinBody)
      } catch {
        reject(invalid())
      }
    })
  })
}

/** The name that a certificate claims, for the record; undefined for one whose alternative names cannot be read. */
function claimedName(certificate: X509Certificate | undefined): string | undefined {
  try {
    return certificate?.subjectAltName?.split('/agent/')[1]
  } catch {
    return undefined
  }
}
