import { createHash, randomBytes } from 'node:crypto'
import type { Clock, Vault } from '@mezite/core'

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
const PREFIX = '__Host-mezite_login_'
const ATTRIBUTES = 'Path=/; Secure; HttpOnly; SameSite=Lax'
const place = { table: 'oidc_attempts', id: 'cookie', purpose: 'attempt' }

const random = () => randomBytes(32).toString('base64url')

/** Cookies of sign-ins under way: one each, so that tabs do not overwrite each other, and eight at most. */
export function createAttempts(vault: Vault, clock: Clock) {
  return {
    /** A new attempt and the `Set-Cookie` lines that keep it, the oldest ones beyond eight dropped. */
    begin(connector: string, target: string, cookieHeader: string | undefined) {
      const attempt: Attempt = { connector, state: random(), nonce: random(), verifier: random(), target }
      const sealed = vault.seal(place, Buffer.from(JSON.stringify([clock.now() + TTL_MS, attempt])))
      // The time stands first in the name, so that the oldest sorts first.
      const name = `${PREFIX}${clock.now().toString(36)}_${idOf(attempt.state)}`
      const present = pairsOf(cookieHeader).map(([held]) => held)
      const surplus = present.sort().slice(0, Math.max(0, present.length - MAX_ATTEMPTS + 1))
      const kept = `${name}=${sealed.toString('base64url')}; Max-Age=${TTL_MS / 1_000}; ${ATTRIBUTES}`
      return { attempt, cookies: [...surplus.map(expired), kept] }
    },

    /** The attempt that this browser began with this `state`, with the line that removes its cookie. */
    find(cookieHeader: string | undefined, state: string): { attempt: Attempt; removal: string } | null {
      const id = idOf(state)
      for (const [name, value] of pairsOf(cookieHeader)) {
        if (!name.endsWith(`_${id}`)) continue
        try {
          const opened = vault.open(place, Buffer.from(value, 'base64url')).toString('utf8')
          const [expires, attempt] = JSON.parse(opened) as [number, Attempt]
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
      /^[ \t]*(__Host-mezite_login_[0-9a-z]{1,12}_[0-9a-f]{16})=([A-Za-z0-9_-]{1,8192})[ \t]*$/.exec(part)
    if (match) pairs.push([match[1]!, match[2]!])
  }
  return pairs
}
