import { createHash, randomBytes } from 'node:crypto'
import type { Clock, Database, SecretBox } from '@mezite/core'
import type { WebauthnTables } from './migrations.ts'
import { problemFor } from './reasons.ts'

/** The purpose of a challenge; a response is valid for exactly this. */
export interface Binding {
  readonly purpose: 'sign-in' | 'session-mfa' | 'program' | 'confirm' | 'action' | 'permit' | 'enrol' | 'sign'
  /** Id of the hub session, or the hash of the browser's cookie before it has a session. */
  readonly session: string
  /** Key of the user; null while the challenge is to find out the user. */
  readonly user: string | null
  /** Id of the app that requires a confirmation per session. */
  readonly app?: string | null
  /** Id of an enrolment link, or of a statement. */
  readonly link?: string | null
}

const TTL_MS = 60_000
/** How long a confirmation with an existing passkey permits the next step. */
const PERMIT_MS = 120_000
/** By the clock of a hub that is behind, a spent challenge may still be valid for this long. */
const KEEP_MS = 10 * 60_000
const MAX_SEALED = 4_096
const place = { table: 'webauthn_ceremonies', id: 'challenge', purpose: 'ceremony' }

/**
 * Challenges under way. The page keeps them, sealed, so that a visit does not cost a row. One INSERT spends a challenge when
 * it comes back, whether the response is valid or not: of several concurrent responses only one is verified.
 */
export function createCeremonies(database: Database, secretBox: SecretBox, clock: Clock) {
  const db = database.withTables<WebauthnTables>()

  return {
    /** `challenge`: the digest of what is signed. Default: 32 random bytes. */
    begin(
      binding: Binding,
      challenge = randomBytes(32).toString('base64url'),
    ): { readonly challenge: string; readonly ceremony: string } {
      const expires = clock.now() + (binding.purpose === 'permit' ? PERMIT_MS : TTL_MS)
      const sealed = secretBox.seal(
        place,
        Buffer.from(JSON.stringify([expires, challenge, fieldsOf(binding)])),
      )
      return { challenge, ceremony: sealed.toString('base64url') }
    },

    /** Spends and returns the challenge. Throws `Problem` 400 when it is unknown, expired, for another purpose, or spent. */
    async spend(ceremony: string, binding: Binding): Promise<string> {
      const { expires, challenge, fields, sealed } = open(ceremony)
      const now = clock.now()
      if (expires <= now) throw problemFor('challenge_expired')
      await db
        .deleteFrom('webauthn_spent')
        .where('expires', '<', now - KEEP_MS)
        .execute()
      // Of the ceremony: a statement that is asked for again has the same challenge.
      const hash = createHash('sha256').update(sealed).digest('base64url')
      const first = await db
        .insertInto('webauthn_spent')
        .values({ hash, expires })
        .onConflict((conflict) => conflict.column('hash').doNothing())
        .returning('hash')
        .executeTakeFirst()
      if (!first) throw problemFor('challenge_spent')
      if (JSON.stringify(fields) !== JSON.stringify(fieldsOf(binding))) {
        throw problemFor('challenge_foreign')
      }
      return challenge
    },
  }

  function open(ceremony: string) {
    try {
      if (ceremony.length > MAX_SEALED || !/^[A-Za-z0-9_-]+$/.test(ceremony)) throw new Error('not sealed')
      const sealed = Buffer.from(ceremony, 'base64url')
      const text = secretBox.open(place, sealed).toString('utf8')
      const [expires, challenge, fields] = JSON.parse(text) as [number, string, unknown]
      return { expires, challenge, fields, sealed }
    } catch {
      throw problemFor('challenge_unknown')
    }
  }
}

export type Ceremonies = ReturnType<typeof createCeremonies>

const fieldsOf = ({ purpose, session, user, app = null, link = null }: Binding) => [
  purpose,
  session,
  user,
  app,
  link,
]
