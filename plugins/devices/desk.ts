import {
  type Actor,
  type App,
  type Catalog,
  type Clock,
  type Log,
  messageOf,
  type Revisions,
  type RunningChange,
  type Session,
  type Sessions,
  type Users,
} from '@mezite/core'
import type { Access } from '@mezite/core/protocol'
import type { DeviceTables } from './migrations.ts'
import { pathsIn } from './paths.ts'
import { problemFor } from './reasons.ts'
import { ADDED, type DeviceRule } from './rule.ts'
import { PREFIX } from './secret.ts'
import { type Device, type DeviceStore, KIND } from './store.ts'

const DAY_MS = 86_400_000
const MOST_DAYS = 366
export const DEFAULT_DAYS = 90
/** A device that is not used for so long ends. */
const IDLE_MS = 30 * DAY_MS
const MOST_DEVICES = 25
const LONGEST_NAME = 60
/** A confirmation with a passkey counts for so long, and once. */
const FRESH_MS = 5 * 60_000

/** What a person writes into the form. */
export interface NewDevice {
  readonly app: string
  readonly name: string
  readonly days: string
  readonly paths: string
}

/** An app for which a person may add a device. `needsPasskey`: its roles demand a passkey, and none lets devices in. */
export interface OfferedApp {
  readonly app: App
  readonly needsPasskey: boolean
}

export interface DeviceDesk {
  offers(actor: Actor): Promise<readonly OfferedApp[]>
  /** Null: the person must confirm with a passkey first. Otherwise the device, with its secret, which is not shown again. Throws `Problem`. */
  add(
    input: NewDevice,
    by: Actor,
    language: 'en' | 'de',
  ): Promise<{ readonly device: Device; readonly app: App; readonly secret: string } | null>
  /** Ends the device and its streams. `own`: only one of the caller. Throws `Problem` 404. */
  remove(id: string, by: Actor, own: boolean): Promise<void>
  ofUser(user: string): readonly Device[]
}

export function createDesk(needs: {
  readonly access: Pick<Access, 'visible'>
  readonly catalog: Pick<Catalog, 'byId' | 'byName'>
  readonly revisions: Pick<Revisions, 'write'>
  readonly sessions: Sessions
  readonly users: Pick<Users, 'byName' | 'keyOf'>
  readonly store: DeviceStore
  readonly rule: Pick<DeviceRule, 'longest'>
  readonly clock: Clock
  readonly log: Log
}): DeviceDesk {
  const { access, catalog, revisions, sessions, users, store, rule, clock, log } = needs

  const ofUser = (user: string) => {
    const holder = users.byName(user)?.holder ?? null
    return store.list().filter(({ id }) => {
      const session = sessions.byId(id)
      return session?.user === user && session.holder === holder
    })
  }

  async function offers({ subject, clientIp }: Actor): Promise<readonly OfferedApp[]> {
    const visible = await access.visible(subject, clientIp)
    return visible
      .filter(({ app }) => app.enabled && app.protocol === 'http')
      .map(({ app, requirements }) => ({
        app,
        needsPasskey: requirements.some(
          (name) => name !== 'session-mfa' || rule.longest(subject.roles, app) === null,
        ),
      }))
  }

  /** The newest confirmation of the browser's session; null: there is none that is fresh. */
  function confirmationOf(session: Session) {
    const all = session.satisfied.filter(({ name, appId }) => name === 'session-mfa' && appId === null)
    const newest = all.sort((one, other) => other.at - one.at)[0]
    return newest !== undefined && clock.now() - newest.at <= FRESH_MS ? newest : null
  }

  async function add(input: NewDevice, by: Actor, language: 'en' | 'de') {
    const { subject, clientIp } = by
    const parent = sessions.byId(subject.sessionId ?? '')
    const user = users.byName(subject.user)
    if (subject.kind !== 'session' || parent?.kind !== 'hub' || user === undefined)
      throw problemFor('login_required')
    const { name, days, paths } = formOf(input)
    const offered = (await offers(by)).find(({ app }) => app.name === input.app)
    if (offered === undefined) throw problemFor('device_app_unknown')
    if (offered.needsPasskey) throw problemFor('device_needs_passkey')
    if (ofUser(user.name).length >= MOST_DEVICES) throw problemFor('device_limit')
    const confirmation = confirmationOf(parent)
    if (confirmation === null) return null
    const { app } = offered
    const created = clock.now()
    const expires = created + days * DAY_MS
    const { session, token } = await sessions.open({
      ...{ kind: 'device', user: user.name, holder: parent.holder, connector: parent.connector },
      ...{ apps: [app.id], clientIp, client: name, expires, idleMs: IDLE_MS, since: created },
      satisfied: [{ ...confirmation, name: ADDED, appId: app.id }],
    })
    try {
      const added = await revisions.write(async (trx, change) => {
        const table = trx.withTables<DeviceTables>()
        const spent = await table
          .selectFrom('devices')
          .select('id')
          .where('user_key', '=', user.key)
          .where('confirmed', '=', confirmation.at)
          .executeTakeFirst()
        const live = await sessions.listIn(trx, { user: user.name })
        // A reset of the passkeys or a sign-out has ended what the device would rely on.
        const alive = live.some(({ id }) => id === parent.id) && live.some(({ id }) => id === session.id)
        if (spent !== undefined || !alive) return false
        if (live.filter(({ kind }) => kind === 'device').length > MOST_DEVICES)
          throw problemFor('device_limit')
        await table
          .insertInto('devices')
          .values({
            ...{ id: session.id, user_name: user.name, user_key: user.key, app: app.id, name, language },
            ...{ paths: JSON.stringify(paths), confirmed: confirmation.at, created, expires, removed: null },
            ...{ first_at: null, first_ip: null, first_agent: null },
            ...{ last_at: null, last_ip: null, last_agent: null, moved: null },
            seen: JSON.stringify({ networks: [], agents: [] }),
          })
          .execute()
        change.touch(KIND, session.id)
        const fields = { device: session.id, name, app: app.name, until: new Date(expires).toISOString() }
        await change.audit({ type: 'device.added', success: true, by, fields })
        return true
      }, by)
      const device = store.byId(session.id)
      if (added && device !== undefined) return { device, app, secret: PREFIX + token }
    } catch (error) {
      await endUnstored(session)
      throw error
    }
    await endUnstored(session)
    return null
  }

  /** Without its row, a session opens nothing. */
  const endUnstored = (session: Session) =>
    sessions.end([session.id], 'revoked', null).then(
      () => {},
      (error) => log.warn({ cause: messageOf(error) }, 'failed to end the session of a device'),
    )

  return {
    offers,
    add,
    ofUser,
    async remove(id, by, own) {
      const isTheirs = () => !own || ofUser(by.subject.user).some((one) => one.id === id)
      if (store.byId(id) === undefined || !isTheirs()) throw problemFor('device_not_found')
      await revisions.write(async (trx, change) => {
        const row = await store.rowIn(trx, id)
        if (row === undefined || row.removed !== null || !isTheirs()) throw problemFor('device_not_found')
        await trx
          .withTables<DeviceTables>()
          .updateTable('devices')
          .set({ removed: clock.now() })
          .where('id', '=', id)
          .execute()
        change.touch(KIND, id)
        const within: RunningChange = { trx, change }
        await sessions.end([id], 'revoked', by.subject, within)
        const app = catalog.byId(row.app)?.name ?? row.app
        const fields = { device: id, name: row.name, app, of: row.user_name }
        await change.audit({ type: 'device.removed', success: true, by, fields })
      }, by)
    },
  }
}

function formOf({ name: given, days: text, paths: lines }: NewDevice) {
  const name = given.trim()
  const days = /^[0-9]{1,3}$/.test(text) ? Number(text) : Number.NaN
  const paths = pathsIn(lines)
  const isNamed = name !== '' && name.length <= LONGEST_NAME && !/[\p{C}]/u.test(name)
  if (!isNamed || paths === null || !(days >= 1 && days <= MOST_DAYS)) throw problemFor('device_invalid')
  return { name, days, paths }
}
