import { createHash, randomBytes } from 'node:crypto'
import { deflateRawSync, inflateRawSync } from 'node:zlib'
import type { Clock, SecretBox } from '@mezite/core'

/** One sign-in under way in one tab. Lives in the browser only, encrypted, for ten minutes. */
export interface Attempt {
  readonly connector: string
  /** OIDC `state`, also names the cookie. */
  readonly state: string
  readonly nonce: string
  /** PKCE verifier. */
  readonly verifier: string
  /** The desk's sealed return target. */
  readonly target: string
}

const TTL_MS = 10 * 60_000
const MAX_ATTEMPTS = 8
/** All of them together: half of what a request's head may be by default. */
const MAX_BYTES = 16_384
const PREFIX = '__Host-mezite_login_'
const ATTRIBUTES = 'Path=/; Secure; HttpOnly; SameSite=Lax'
const place = { table: 'oidc_attempts', id: 'cookie', purpose: 'attempt' }

const random = () => randomBytes(32).toString('base64url')

/** Cookies of sign-ins under way: one each, so that tabs do not overwrite each other; eight and 16 KiB at most. */
export function createAttempts(secretBox: SecretBox, clock: Clock) {
  return {
    /** A new attempt and the `Set-Cookie` lines that keep it, the oldest ones that are too many dropped. */
    begin(connector: string, target: string, cookieHeader: string | undefined) {
      const attempt: Attempt = { connector, state: random(), nonce: random(), verifier: random(), target }
      // Deflated, for the target is base64 already, and browsers drop a cookie of more than 4,096 bytes.
      const text = deflateRawSync(JSON.stringify([clock.now() + TTL_MS, attempt]))
      const value = secretBox.seal(place, text).toString('base64url')
      // The time stands first in the name, so that the oldest sorts first.
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
          // Not sealed by this cluster, or damaged: as if it were not there.
        }
      }
      return null
    },
  }
}

const idOf = (state: string) => createHash('sha256').update(state).digest('hex').slice(0, 16)

const expired = (name: string) => `${name}=; Max-Age=0; ${ATTRIBUTES}`

/** Our attempt cookies, names exactly as sent: nothing but SP and HTAB is trimmed. */
function pairsOf(header: string | undefined): [name: string, value: string][] {
  const pairs: [string, string][] = []
  for (const part of (header ?? '').split(';')) {
    const match =
      /^[ \t]*(__Host-mezite_login_[0-9a-z]{1,12}_[0-9a-f]{16})=([A-Za-z0-9_-]{1,4096})[ \t]*$/.exec(part)
    if (match) pairs.push([match[1]!, match[2]!])
  }
  return pairs
}
