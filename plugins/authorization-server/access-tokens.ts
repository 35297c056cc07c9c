import {
  type App,
  type Audit,
  type Catalog,
  type Clock,
  type Log,
  messageOf,
  type Session,
  type Sessions,
  type Users,
} from '@mezite/core'
import type { Access } from '@mezite/core/protocol'
import type { Adapter, AdapterPayload, errors } from 'oidc-provider'
import { calls } from './calls.ts'
import { type Consent, consentOf } from './consent.ts'
import { boundToken, secretOf } from './credential.ts'
import type { Records } from './records.ts'
import { appOf } from './resources.ts'
import { createFamilies } from './token-families.ts'

/**
 * Stores access tokens. A token for an app is a session of kind `token` for that app alone, opened here and ended with the
 * token: so it is checked, limited, cut and recorded as every session. The gate decides before the token is given out.
 */
export function createAccessTokens(deps: {
  readonly records: Records
  readonly access: Pick<Access, 'admit'>
  readonly catalog: Pick<Catalog, 'byHost'>
  readonly sessions: Pick<Sessions, 'open' | 'end' | 'byId'>
  readonly audit: Pick<Audit, 'record'>
  /** Whether the app is offered to programs. */
  readonly offered: (app: App) => boolean
  readonly users: Pick<Users, 'byName'>
  readonly clock: Clock
  readonly log: Log
  readonly thrown: Pick<typeof errors, 'InvalidGrant' | 'InvalidTarget'>
}) {
  const { records, access, catalog, sessions, users, audit, clock, log, thrown } = deps
  const stored = records.adapter('AccessToken')
  const families = createFamilies({ records, sessions })
  /** Records that a token for an app was given out. */
  const issued = (token: Issued) => recordIssued(audit, token)

  /** The consent behind a token, if its person still holds the name. */
  async function consentFor(grantId: string | undefined): Promise<Consent> {
    const row = grantId === undefined ? undefined : await records.row('Grant', grantId)
    const consent = row && consentOf(row)
    if (!consent) throw new thrown.InvalidGrant('the grant has ended')
    if (users.byName(consent.user)?.holder !== consent.holder)
      throw new thrown.InvalidGrant('the user was removed')
    return consent
  }

  /**
   * Asks the gate as for a request to the app. If it would be refused, ends the session again, and throws with the code of the
   * refusal as `reason`.
   */
  async function admitted(session: Session, app: App): Promise<void> {
    const call = calls.getStore()
    const outcome = await access.admit({
      who: { kind: 'token', sessionId: session.id },
      app,
      protocol: app.protocol,
      probe: true,
      clientIp: session.clientIp,
      requestId: call?.requestId ?? session.id,
    })
    if (outcome.outcome === 'admitted') return
    await sessions.end([session.id], 'denied', null)
    const refused = new thrown.InvalidGrant(`access to the app is refused (${outcome.code})`)
    throw Object.assign(refused, { reason: outcome.code })
  }

  /**
   * Opens the session of a token for one app: by default a new token. Throws `InvalidGrant` if the sign-in behind it has
   * ended, or the gate refuses.
   */
  async function open(
    app: App,
    { user, holder, anchor, program }: Consent,
    ttlSeconds: number,
    token?: string,
  ): Promise<{ readonly session: Session; readonly token: string }> {
    const given = sessions.byId(anchor)
    if (given === undefined) throw new thrown.InvalidGrant('the sign-in behind the grant has ended')
    const opened = await sessions.open({
      kind: 'token',
      user,
      holder,
      parentId: anchor,
      ...(token !== undefined && { token }),
      connector: given.connector,
      since: given.created,
      apps: [app.id],
      satisfied: given.satisfied.filter(({ appId }) => appId === null || appId === app.id),
      client: program,
      clientIp: calls.getStore()?.clientIp ?? given.clientIp,
      expires: Math.min(given.expires, clock.now() + ttlSeconds * 1_000),
    })
    await admitted(opened.session, app)
    return opened
  }

  const adapter: Adapter = {
    ...stored,
    async upsert(id, payload, ttlSeconds = 0) {
      const audience = typeof payload.aud === 'string' ? payload.aud : undefined
      const consent = await consentFor(payload.grantId)
      // Without an audience it opens no app: it only reads the claims of the person.
      if (audience === undefined) return stored.upsert(id, payload, ttlSeconds)
      const app = appOf(catalog, audience)
      if (app === undefined || !deps.offered(app)) throw new thrown.InvalidTarget()
      const token = boundToken(secretOf(id), payload.jkt)
      const { session } = await open(app, consent, ttlSeconds, token)
      try {
        await stored.upsert(id, payload, ttlSeconds)
        await records.update('AccessToken', id, { session_id: session.id })
        // Another use of the same code may have ended the family meanwhile, before it could find this token.
        await consentFor(payload.grantId)
      } catch (error) {
        await sessions
          .end([session.id], 'revoked', null)
          .catch((failure) =>
            log.error(
              { cause: messageOf(failure) },
              'failed to end the session of a token that was not stored',
            ),
          )
        throw error
      }
      issued({
        session,
        app,
        client: payload.clientId ?? null,
        program: consent.program,
        requestId: calls.getStore()?.requestId ?? null,
      })
    },
    async find(id): Promise<AdapterPayload | undefined> {
      const row = await records.row('AccessToken', id)
      if (!row) return undefined
      // The library does not look at the account, the grant or the hub's own reasons to end a session.
      if (row.session_id !== null && sessions.byId(row.session_id) === undefined) return undefined
      const grant = row.grant_id === null ? undefined : await records.row('Grant', row.grant_id)
      const consent = grant && consentOf(grant)
      if (!consent || sessions.byId(consent.anchor) === undefined) return undefined
      return (await stored.find(id)) as AdapterPayload | undefined
    },
    async destroy(id) {
      const row = await records.row('AccessToken', id)
      if (row) await families.revoke({ key: row.key })
    },
    revokeByGrantId: families.revokeTokens,
  }

  return { adapter, admitted, open, issued, revoke: families.revoke, spending: families.spending }
}

export type AccessTokens = ReturnType<typeof createAccessTokens>

/** A token for an app that was given out. */
interface Issued {
  readonly session: Session
  readonly app: App
  readonly client: string | null
  readonly program: string
  readonly requestId: string | null
}

function recordIssued(audit: Pick<Audit, 'record'>, token: Issued): void {
  const { session, app, client, program, requestId } = token
  audit.record({
    type: 'token.issued',
    success: true,
    user: session.user,
    sessionId: session.id,
    clientIp: session.clientIp,
    requestId,
    fields: { name: app.name, client, program },
  })
}
