import { createPublicKey, type KeyObject } from 'node:crypto'
import {
  type Audit,
  type Clock,
  type Log,
  messageOf,
  Problem,
  type PublicNames,
  type Sessions,
  type WebRoutes,
} from '@mezite/core'
import type { Authorities, CommandLogins } from '@mezite/core/protocol'

const HOUR_MS = 3_600_000
const DEFAULT_TTL_MS = 12 * HOUR_MS
const LONGEST_TTL_MS = 24 * HOUR_MS
const FIELDS = new Set(['code', 'verifier', 'public_key', 'ttl_seconds'])

export interface CertificateDeps {
  readonly audit: Pick<Audit, 'record'>
  readonly authorities: Pick<Authorities, 'issueUser' | 'bundle'>
  readonly commandLogins: CommandLogins
  readonly publicNames: PublicNames
  readonly sessions: Pick<Sessions, 'end'>
  readonly clock: Clock
  readonly log: Log
}

/**
 * `POST /v1/webapi/user-certs`: exchanges the code of a sign-in and a public key for a session and its certificate. The
 * certificate never contains what the person may do.
 */
export function certificateRoute(deps: CertificateDeps): WebRoutes {
  const { audit, authorities, commandLogins, publicNames, sessions, log } = deps
  const access = { config: { access: 'public', rate: 'tokens' } } as const

  return {
    name: 'user-certs',
    prefix: '/v1/webapi/user-certs',
    async routes(web) {
      web.post('/', access, async (request) => {
        const { code, verifier, publicKey, ttlMs } = readAsk(request.body)
        const { session, token, roles } = await commandLogins.redeem({
          code,
          verifier,
          kind: 'cert',
          longestMs: ttlMs,
          method: 'msh',
          clientIp: request.clientIp,
          requestId: request.id,
        })
        try {
          const { certificate, notAfter, serial } = await authorities.issueUser({
            publicKey,
            user: session.user,
            sessionId: session.id,
            notAfter: session.expires,
          })
          audit.record({
            type: 'user.cert.issued',
            success: true,
            user: session.user,
            roles,
            clientIp: request.clientIp,
            sessionId: session.id,
            requestId: request.id,
            fields: {
              connector: session.connector,
              method: 'msh',
              serial,
              expires: new Date(notAfter).toISOString(),
            },
          })
          return {
            certificate,
            hub_ca: authorities.bundle('hub-ca').join('\n'),
            user: session.user,
            roles,
            cluster: publicNames.clusterName,
            expires: new Date(notAfter).toISOString(),
            session_id: session.id,
            token,
          }
        } catch (error) {
          log.error({ cause: messageOf(error) }, 'failed to issue a certificate')
          await sessions.end([session.id], 'denied', null)
          throw new Problem(503, 'certificate_failed', 'The certificate could not be issued. Sign in again.')
        }
      })
    },
  }
}

/** Validates the whole request before the code is spent. */
function readAsk(body: unknown) {
  if (typeof body !== 'object' || body === null || Array.isArray(body))
    throw new Problem(400, 'invalid_request', 'The body must be a JSON object.')
  const unknown = Object.keys(body).find((name) => !FIELDS.has(name))
  if (unknown !== undefined) throw new Problem(400, 'invalid_request', `Unknown field "${unknown}".`)
  const fields = body as Readonly<Record<string, unknown>>
  const publicKey = readPublicKey(fields.public_key)
  if (publicKey === null)
    throw new Problem(400, 'public_key_invalid', 'public_key must be a P-256 public key in PEM (SPKI).')
  const { ttl_seconds: ttl = DEFAULT_TTL_MS / 1_000 } = fields
  if (typeof ttl !== 'number' || !Number.isFinite(ttl) || ttl < 1)
    throw new Problem(400, 'ttl_invalid', 'ttl_seconds must be a number above 0.')
  const ttlMs = Math.min(Math.floor(ttl) * 1_000, LONGEST_TTL_MS)
  return { code: fields.code, verifier: fields.verifier, publicKey, ttlMs }
}

const LONGEST = 1_024

/** Reads a P-256 public key in PEM (SubjectPublicKeyInfo); null for anything else, private keys included. */
function readPublicKey(text: unknown): KeyObject | null {
  // Node.js would also read a private key and derive its public half, but a caller must never send one.
  if (typeof text !== 'string' || text.length > LONGEST || !/^-----BEGIN PUBLIC KEY-----\r?\n/.test(text))
    return null
  try {
    const key = createPublicKey({ key: text, format: 'pem' })
    return key.asymmetricKeyDetails?.namedCurve === 'prime256v1' ? key : null
  } catch {
    return null
  }
}
