import { createHash, randomBytes } from 'node:crypto'
import { deflateRawSync, inflateRawSync } from 'node:zlib'
import type { Clock, SecretBox } from '@mezite/core'
import { cookiesIn } from '@mezite/core/identity'

/** One sign-in under way in one tab. Stored only in the browser, encrypted, for ten minutes. */
export interface Attempt {
  readonly connector: string
  /** OIDC `state`, also names the cookie. */
  readonly state: string
  readonly nonce: string
  /** PKCE verifier. */
  readonly verifier: string
  /** The sealed return target. */
  readonly target: string
  /** Of a test of the connector. The return then signs nobody in. */
  readonly test?: {
    /** Id of the administrator's session. */
    readonly session: string
    /** `Draft.id` of a connector that is not saved; null for a saved one. */
    readonly draft: string | null
  }
}

const TTL_MS = 10 * 60_000
const MAX_ATTEMPTS = 8
/** Size of all cookies together: half of the default limit of a request head. */
const MAX_BYTES = 16_384
const PREFIX = '__Host-mezite_login_'
const ATTRIBUTES = 'Path=/; Secure; HttpOnly; SameSite=Lax'
const place = { table: 'oidc_attempts', id: 'cookie', purpose: 'attempt' }

const random = () => randomBytes(32).toString('base64url')

/** Cookies of sign-ins under way: one per sign-in, so that tabs do not overwrite each other; at most eight and 16 KiB. */
export function createAttempts(secretBox: SecretBox, clock: Clock) {
  return {
    /** A new attempt and its `Set-Cookie` lines, which also remove the oldest ones beyond the limit. */
    begin(of: Pick<Attempt, 'connector' | 'target' | 'test'>, cookieHeader: string | undefined) {
      const attempt: Attempt = { ...of, state: random(), nonce: random(), verifier: random() }
      // Deflated, because the target is already base64 and browsers drop cookies of more than 4,096 bytes.
      const text = deflateRawSync(JSON.stringify([clock.now() + TTL_MS, attempt]))
      const value = secretBox.seal(place, text).toString('base64url')
      // The time comes first in the name, so the oldest sorts first.
      const name = `${PREFIX}${clock.now().toString(36)}_${idOf(attempt.state)}`
      const surplus: string[] = []
      let bytes = name.length + value.length
      for (const [at, [held, itsValue]] of pairsOf(cookieHeader).sort().reverse().entries()) {
        bytes += held.length + itsValue.length
        if (at >= MAX_ATTEMPTS - 1 || bytes > MAX_BYTES) surplus.push(held)
      }
      const kept = `${name}=${value}; Max-Age=${TTL_MS / 1_000}; ${ATTRIBUTES}`
      return { attempt, cookies: [...surplus.map(expired), kept] }
    },

    /** The attempt that this browser began with this `state`, with the line that removes its cookie. */
    find(cookieHeader: string | undefined, state: string): { attempt: Attempt; removal: string } | null {
      const id = idOf(state)
      for (const [name, value] of pairsOf(cookieHeader)) {
        if (!name.endsWith(`_${id}`)) continue
        try {
          const opened = inflateRawSync(secretBox.open(place, Buffer.from(value, 'base64url')))
          const [expires, attempt] = JSON.parse(opened.toString('utf8')) as [number, Attempt]
          if (expires > clock.now() && attempt.state === state) return { attempt, removal: expired(name) }
        } catch {
          // Ignored: it was not sealed by this cluster, or is damaged.
        }
      }
      return null
    },
  }
}

const idOf = (state: string) => createHash('sha256').update(state).digest('hex').slice(0, 16)

const expired = (name: string) => `${name}=; Max-Age=0; ${ATTRIBUTES}`

/** Cookies of sign-ins under way, names exactly as sent. */
function pairsOf(header: string | undefined): (readonly [name: string, value: string])[] {
  return [...cookiesIn(header)].filter(
    ([name, value]) =>
      /^__Host-mezite_login_[0-9a-z]{1,12}_[0-9a-f]{16}$/.test(name) && /^[A-Za-z0-9_-]+$/.test(value),
  )
}
