import { type Session, type Transaction, Type, type User, type WebRoutes } from '@mezite/core'
import type { Binding } from './ceremonies.ts'
import {
  askAssertion,
  countResponse,
  FRESH_MS,
  KeyName,
  personalCall,
  personOf,
  proof,
  sessionEnded,
  takeOwnAssertion,
  text,
} from './challenge.ts'
import { type Deps, isLocal, type Request } from './deps.ts'
import { dropMarks } from './mfa-records.ts'
import type { Who } from './passkeys.ts'
import { problemFor } from './reasons.ts'
import { askNewKey, takeNewKey } from './registration-challenge.ts'

/** A person's own passkeys, on the page "My account". Adding and removing require a fresh sign-in and an existing passkey. */
export function accountRoutes(deps: Deps): WebRoutes {
  const { desk, keys, hardware, ceremonies, pages, sessions, users, firstKey, clock } = deps
  const isFresh = ({ created }: Session) => clock.now() - created <= FRESH_MS
  const bind = (purpose: Binding['purpose'], session: Session, user: User): Binding => ({
    purpose,
    session: session.id,
    user: user.key,
  })

  async function freshPerson(request: Request) {
    const person = await personOf(deps, request)
    if (isFresh(person.session)) return person
    throw problemFor('sign_in_again')
  }

  /** Spends the confirmation with an existing passkey; the first passkey of a person needs none. */
  async function requirePermit(session: Session, user: User, permit: string | undefined): Promise<void> {
    const has = (await keys.of(user)).length > 0
    if (!has && firstKey === 'admin') {
      throw problemFor('first_key_by_admin')
    }
    if (has && permit === undefined) throw problemFor('key_required')
    if (permit !== undefined) await ceremonies.spend(permit, bind('permit', session, user))
  }

  /** A session that has ended meanwhile, for example by a reset of the passkeys, must not add a new one. */
  async function requireAlive(trx: Transaction, session: Session): Promise<void> {
    const alive = await sessions.listIn(trx, { user: session.user })
    if (!alive.some(({ id }) => id === session.id)) throw sessionEnded()
  }

  const who = (request: Request, session: Session): Who => ({
    user: session.user,
    roles: sessions.subjectOf(session)?.roles ?? null,
    clientIp: request.clientIp,
    sessionId: session.id,
    requestId: request.id,
  })

  return {
    name: 'webauthn-account',
    prefix: '/web/account',
    async account(request, session) {
      const user = users.byName(session.user)
      if (!user) return null
      const { state } = Object(request.query) as { state?: unknown }
      const onward = typeof state === 'string' && desk.open(state) ? state : null
      const path = onward === null ? '/web/account' : `/web/account?state=${encodeURIComponent(onward)}`
      const all = await keys.of(user)
      return pages(request).account({
        keys: all.map((key) => ({
          id: key.id,
          name: key.name,
          created: key.created,
          lastUsed: key.last_used,
          hardware: hardware.qualifies(key),
          synced: key.backup_eligible !== 0,
        })),
        local: isLocal(user),
        fresh: isFresh(session),
        againUrl: `/web/login?state=${desk.seal({ appHost: null, path, nonceHash: null })}`,
        continueUrl: onward === null ? null : `/web/continue?state=${encodeURIComponent(onward)}`,
        byAdmin: all.length === 0 && firstKey === 'admin',
      })
    },
    async routes(web) {
      personalCall(web, '/confirm/begin', {}, async (request) => {
        const { session, user } = await freshPerson(request)
        return askAssertion(deps, bind('confirm', session, user), await keys.of(user))
      })

      personalCall(web, '/confirm/finish', proof, async (request) => {
        const { session, user } = await freshPerson(request)
        await takeOwnAssertion(deps, request, { binding: bind('confirm', session, user), session, user })
        return { permit: ceremonies.begin(bind('permit', session, user)).ceremony }
      })

      personalCall(web, '/keys/begin', { permit: Type.Optional(text) }, async (request) => {
        const { session, user } = await freshPerson(request)
        await requirePermit(session, user, request.body.permit)
        return askNewKey(deps, bind('enrol', session, user), user)
      })

      personalCall(web, '/keys/finish', { ...proof, name: KeyName }, async (request) => {
        const { session, user } = await freshPerson(request)
        countResponse(deps, user.key)
        const { name, ...given } = request.body
        const key = await takeNewKey(deps, { ...given, binding: bind('enrol', session, user) })
        await keys.add(user, { ...key, name }, who(request, session), 'account', (trx) =>
          requireAlive(trx, session),
        )
        return { id: key.id }
      })

      personalCall(web, '/keys/rename', { id: text, name: KeyName }, async (request) => {
        const { user } = await personOf(deps, request)
        const { id, name } = request.body
        if (!(await keys.rename(user, id, name)))
          throw problemFor('key_unknown', 'This passkey does not exist.')
        return { id, name }
      })

      personalCall(web, '/keys/remove', { id: text, permit: text }, async (request) => {
        const { session, user } = await freshPerson(request)
        const { id, permit } = request.body
        await requirePermit(session, user, permit)
        await keys.remove(user, id, who(request, session), (within) =>
          dropMarks(deps, { user, keyId: id, kept: session }, within),
        )
        return { id, removed: true }
      })
    },
  }
}
