import { createPublicKey, type KeyObject } from 'node:crypto'
import {
  type Audit,
  type Clock,
  type Log,
  messageOf,
  type PublicNames,
  type Sessions,
  type WebRoutes,
} from '@mezite/core'
import type { Authorities, BotLogins, BotProof, CommandLogins } from '@mezite/core/identity'
import { problemFor } from './reasons.ts'

const HOUR_MS = 3_600_000
const DEFAULT_TTL_MS = 12 * HOUR_MS
const LONGEST_TTL_MS = 24 * HOUR_MS
/** A bot renews its certificate by itself. */
const LONGEST_BOT_TTL_MS = HOUR_MS
const PROOFS = ['assertion', 'id_token', 'secret'] as const
const FIELDS = new Set(['code', 'verifier', 'public_key', 'ttl_seconds', 'bot', ...PROOFS])

export interface CertificateDeps {
  readonly audit: Pick<Audit, 'record'>
  readonly authorities: Pick<Authorities, 'issueUser' | 'bundle'>
  readonly commandLogins: CommandLogins
  /** Absent: bots get no certificates. */
  readonly botLogins?: BotLogins | undefined
  readonly publicNames: PublicNames
  readonly sessions: Pick<Sessions, 'open' | 'end'>
  readonly clock: Clock
  readonly log: Log
}

/**
 * `POST /v1/webapi/user-certs`: exchanges the code of a sign-in, or the proof of a bot, and a public key for a session and its
 * certificate. The certificate never contains what its holder may do.
 */
export function certificateRoute(deps: CertificateDeps): WebRoutes {
  const { audit, authorities, commandLogins, botLogins, publicNames, sessions, clock, log } = deps
  const access = { config: { access: 'public', rate: 'tokens' } } as const

  async function openForBot(
    bot: string,
    proof: BotProof,
    { longestMs, clientIp, requestId }: { longestMs: number; clientIp: string; requestId: string },
  ) {
    if (botLogins === undefined)
      throw problemFor('invalid_request', 'This hub has no accounts of programs (plugin bots).')
    const proven = await botLogins.prove({ bot, proof, clientIp, requestId })
    const { user, holder, roles, by } = proven
    const { session, token } = await sessions.open({
      kind: 'cert',
      user,
      holder,
      clientIp,
      client: by,
      expires: clock.now() + Math.min(longestMs, proven.longestMs, LONGEST_BOT_TTL_MS),
    })
    const { id: sessionId } = session
    const fields = { connector: null, method: 'bot', proof: by }
    const who = { user, roles, actsFor: proven.actsFor, clientIp, sessionId, requestId }
    audit.record({ type: 'user.login', success: true, ...who, fields })
    return { session, token, roles }
  }

  return {
    name: 'user-certs',
    prefix: '/v1/webapi/user-certs',
    async routes(web) {
      web.post('/', access, async (request) => {
        const { publicKey, ttlMs, bot, ...proof } = readAsk(request.body)
        const asked = { longestMs: ttlMs, clientIp: request.clientIp, requestId: request.id }
        const { session, token, roles } =
          bot === undefined
            ? await commandLogins.redeem({ ...asked, ...proof, kind: 'cert', method: 'msh' })
            : await openForBot(bot, readProof(request.body, publicNames), asked)
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
              method: bot === undefined ? 'msh' : 'bot',
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
          throw problemFor('certificate_failed')
        }
      })
    },
  }
}

/** Validates the whole request before the code is spent. */
function readAsk(body: unknown) {
  if (typeof body !== 'object' || body === null || Array.isArray(body))
    throw problemFor('invalid_request', 'The body must be a JSON object.')
  const unknown = Object.keys(body).find((name) => !FIELDS.has(name))
  if (unknown !== undefined) throw problemFor('invalid_request', `Unknown field "${unknown}".`)
  const fields = body as Readonly<Record<string, unknown>>
  const publicKey = readPublicKey(fields.public_key)
  if (publicKey === null)
    throw problemFor('public_key_invalid', 'public_key must be a P-256 public key in PEM (SPKI).')
  const { ttl_seconds: ttl = DEFAULT_TTL_MS / 1_000 } = fields
  if (typeof ttl !== 'number' || !Number.isFinite(ttl) || ttl < 1)
    throw problemFor('ttl_invalid', 'ttl_seconds must be a number above 0.')
  const ttlMs = Math.min(Math.floor(ttl) * 1_000, LONGEST_TTL_MS)
  const { code, verifier, bot } = fields
  if (bot !== undefined && (typeof bot !== 'string' || bot.length > LONGEST_BOT))
    throw problemFor('invalid_request', 'bot must be the name of a bot.')
  return { code, verifier, bot, publicKey, ttlMs }
}

/** The one proof of a bot in the request. */
function readProof(body: unknown, { hubOrigin, signInOrigin }: PublicNames): BotProof {
  const given = PROOFS.flatMap((kind) => {
    const text = (body as Readonly<Record<string, unknown>>)[kind]
    return typeof text === 'string' ? [{ kind, text }] : []
  })
  const [proof] = given
  if (proof === undefined || given.length > 1)
    throw problemFor('invalid_request', 'Send one of assertion, id_token and secret.')
  const { kind, text } = proof
  if (kind === 'secret') return { kind, secret: text }
  if (kind === 'id_token') return { kind, jwt: text }
  return { kind, jwt: text, audiences: [...new Set([hubOrigin, signInOrigin])] }
}

const LONGEST = 1_024
const LONGEST_BOT = 128

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
