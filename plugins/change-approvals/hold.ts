import type { Actor, Clock, Notification, Transaction, Users } from '@mezite/core'
import type { AskedCall } from '@mezite/core/types'
import { v7 as uuidv7 } from 'uuid'
import { isBy, isPerson, titleOf } from './change.ts'
import type { ChangeRow } from './migrations.ts'
import { problemFor } from './reasons.ts'
import type { ChangeStore } from './store.ts'
import type { Thing } from './things.ts'

/** Of the body and of the thing as it was, in characters of JSON. */
const LARGEST = 256 * 1024
const LONGEST_URL = 4_096
const MOST_OF_PERSON = 50
const MOST = 500
/** Calls that need a right to change, and only try something. */
const TRIALS: readonly string[] = ['POST /v1/webapi/apps/test']

/** Where people see changes in the dashboard. */
export const PAGE = '/web/admin/plugins/changes'

export interface HoldParts {
  readonly store: ChangeStore
  readonly users: Pick<Users, 'byName'>
  readonly clock: Clock
  readonly pendingMs: number
  readonly needsApproval: (right: string) => boolean
  readonly read: (call: AskedCall) => Promise<Thing>
  readonly alarm: (one: Notification, trx?: Transaction) => Promise<void>
}

/** Keeps a chosen change until another person approves it. */
export function createHold(parts: HoldParts) {
  const { store, users, clock, pendingMs, needsApproval, read, alarm } = parts

  function rowOf(call: AskedCall, more: Partial<ChangeRow> & Pick<ChangeRow, 'id' | 'state'>): ChangeRow {
    const now = clock.now()
    return {
      ...{ right: call.right, method: call.method, url: call.url },
      ...{ thing_path: call.thing?.path ?? null, thing_key: call.thing?.key ?? null },
      labels: call.labels === undefined ? null : JSON.stringify(call.labels),
      print: '',
      ...{ user_name: call.caller.user, user_key: call.caller.user, holder: null },
      ...{ session_id: call.caller.sessionId, client_ip: call.clientIp },
      ...{ sealed: null, answer: null, created: now, expires: now + pendingMs },
      ...{ decided: null, decided_by: null, reason: null, problem: null },
      ...more,
    }
  }
  const actorOf = ({ caller, clientIp, id }: AskedCall): Actor => ({ subject: caller, clientIp, id })

  /** The operator has all rights, and people learn of it. */
  async function force(call: AskedCall): Promise<void> {
    const row = rowOf(call, { id: uuidv7(), state: 'forced', reason: 'admin socket' })
    await store.insert(
      row,
      { type: 'change.forced', by: actorOf(call), fields: { cause: row.reason } },
      (trx) => alarm(alarmOf(row), trx),
    )
  }

  return async (call: AskedCall): Promise<void> => {
    const [path = ''] = call.url.split('?', 1)
    if (!needsApproval(call.right) || TRIALS.includes(`${call.method} ${path}`)) return
    if (call.caller.kind === 'operator') return force(call)
    const user = isPerson(call.caller) ? users.byName(call.caller.user) : undefined
    if (user === undefined)
      throw problemFor(
        'approval_needs_person',
        `${call.right} needs the approval of another person, and only a person who is signed in can ask for it.`,
      )
    const thing = await read(call)
    const id = uuidv7()
    const kept = { conditions: call.conditions, body: call.body, before: thing.document }
    const text = JSON.stringify(kept)
    if (text.length > LARGEST || call.url.length > LONGEST_URL) throw problemFor('change_too_large')
    const same = (row: ChangeRow) => isBy(row, user) && JSON.stringify(store.keptOf(row)) === text
    const row = rowOf(call, {
      ...{ id, state: 'pending', print: thing.print, sealed: store.sealKept(id, kept) },
      ...{ user_name: user.name, user_key: user.key, holder: user.holder },
    })
    const limit = async (trx: Transaction): Promise<void> => {
      const again = (await store.similar(trx, row)).find(same)
      if (again !== undefined) throw waits(again)
      const waiting = await store.waiting(trx)
      const own = waiting.filter(({ user_key }) => user_key === user.key)
      if (waiting.length >= MOST || own.length >= MOST_OF_PERSON) throw problemFor('changes_too_many')
      await alarm(requestOf(row), trx)
    }
    await store.insert(row, { type: 'change.requested', by: actorOf(call) }, limit)
    throw waits(row)
  }
}

/** The refusal of a change that waits. */
const waits = ({ id, right, expires }: ChangeRow) =>
  problemFor(
    'approval_required',
    `Nothing was changed: ${right} waits for the approval of another person, as change ${id}. ` +
      `\`mezctl changes get ${id}\` shows it.`,
    { change: id, href: PAGE, expires: new Date(Number(expires)).toISOString() },
  )

const requestOf = (row: ChangeRow): Notification => ({
  ...{ kind: 'change-approval', severity: 'info', path: PAGE },
  title: `${row.user_name} asks for approval: ${titleOf(row)}`.slice(0, 500),
  text: `mezctl changes get ${row.id}`,
})

/** A change was made without another person. */
export const alarmOf = (row: ChangeRow, reason = row.reason): Notification => ({
  ...{ kind: 'change-approval', severity: 'critical', path: PAGE },
  title: `${row.user_name} made a change without approval: ${titleOf(row)}`.slice(0, 500),
  text: `${reason ?? ''}\nmezctl changes get ${row.id}`,
})
