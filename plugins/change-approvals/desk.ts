import {
  type Actor,
  type AdminRights,
  type Clock,
  Problem,
  type Revisions,
  type Subject,
  type User,
  type Users,
} from '@mezite/core'
import type { Grants } from '@mezite/core/administration'
import type { LockView } from '@mezite/core/identity'
import type { AdminCall, AdminCalls, CallAnswer, CallMakers } from '@mezite/core/types'
import { BEGUN, EVENTS, isBy, isPerson, stateOf } from './change.ts'
import { alarmOf, type HoldParts } from './hold.ts'
import type { ChangeRow } from './migrations.ts'
import { createReaders } from './readers.ts'
import { problemFor } from './reasons.ts'
import { type ChangeStore, notOpen } from './store.ts'
import { readThing } from './things.ts'

export interface DeskParts {
  readonly store: ChangeStore
  readonly users: Pick<Users, 'byName' | 'rolesOf'>
  readonly grants: Pick<Grants, 'list'>
  readonly locks: LockView
  readonly adminRights: Pick<AdminRights, 'may'>
  readonly revisions: Pick<Revisions, 'onApplied'>
  readonly clock: Clock
  readonly alarm: HoldParts['alarm']
  readonly calls: () => AdminCalls
  /** Roles whose people may make a change without approval. */
  readonly breakGlass: readonly string[]
}

/** Who decides, by the route's request. */
export interface Decider {
  readonly by: Actor
  /** The caller as of now; null: no longer. */
  readonly again: () => Promise<Subject | null>
}

/** Decides about changes that wait, and makes them once. Every method throws `Problem`. */
export function createChangeDesk(parts: DeskParts) {
  const { store, users, grants, locks, revisions, clock, alarm, calls, breakGlass } = parts
  const readers = createReaders(parts)
  /** How often something of a kind has changed since the hub started. */
  const changes = new Map<string, number>()
  let all = 0
  revisions.onApplied((touched) => {
    if (touched === null) all++
    for (const kind of touched?.keys() ?? []) changes.set(kind, (changes.get(kind) ?? 0) + 1)
  })

  function personOf({ subject }: Actor): User {
    const user = readers.personOf(subject)
    if (user === undefined)
      throw problemFor('approval_needs_person', 'Only a person who is signed in decides about changes.')
    return user
  }

  /** The person who asked, with today's roles; null if the account is gone, of somebody else now, or locked. */
  function askerOf(row: ChangeRow): Subject | null {
    const user = users.byName(row.user_name)
    if (user === undefined || !isBy(row, user)) return null
    const granted = grants.list(user.name).flatMap(({ role, apps }) => (apps === null ? [role] : []))
    const subject: Subject = {
      ...{ user: user.name, roles: [...new Set([...users.rolesOf(user.name), ...granted])] },
      ...{ kind: 'session', sessionId: row.session_id, satisfied: [] },
    }
    return locks.lockFor(subject, null) === null ? subject : null
  }

  async function known(id: string, subject: Subject): Promise<ChangeRow> {
    const row = /^[0-9a-f-]{36}$/.test(id) ? await store.byId(id) : undefined
    if (row === undefined || !readers.mayRead(row, subject))
      throw problemFor('change_not_found', `There is no change ${id.slice(0, 64)} that concerns you.`)
    return row
  }
  function requirePending(row: ChangeRow): void {
    const state = stateOf(row, clock.now())
    if (state !== 'pending') throw notOpen(state)
  }
  function requireOther(row: ChangeRow, { subject }: Actor): void {
    const refusal = readers.refusalFor(row, subject)
    if (refusal !== null) throw refusal
  }

  /** Makes the change, if both may and nothing has changed since it was asked for. `to`: what is stored when it begins. */
  async function run(
    row: ChangeRow,
    makers: Pick<CallMakers, 'caller' | 'approver'>,
    begin: () => Promise<boolean>,
    by: Actor,
  ): Promise<ChangeRow> {
    const kept = store.keptOf(row)
    if (kept === null) throw notOpen(stateOf(row, clock.now()))
    const kind = row.right.slice(0, row.right.lastIndexOf('.'))
    const seen = () => (changes.get(kind) ?? 0) + all
    const since = seen()
    const full: CallMakers = {
      ...makers,
      clientIp: row.client_ip,
      stillMay() {
        if (seen() !== since) throw outdated()
      },
      within: (trx) => store.made(trx, row),
    }
    const call = {
      ...{ right: row.right as AdminCall['right'], method: row.method, url: row.url },
      ...{ conditions: kept.conditions, body: kept.body },
    }
    if (makers.caller() === null) throw problemFor('requester_lost_right', lost(row))
    const allowed = await calls().make(call, full, { onlyCheck: true })
    if (allowed.status !== 204) throw problemOf(allowed)
    const { path, key } = { path: row.thing_path, key: row.thing_key }
    const thing = path === null || key === null ? null : { path, key }
    const now = await readThing(calls(), { url: row.url, thing })
    if (now.print !== row.print) {
      await close(row, 'pending', 'outdated', by, 'change_outdated')
      throw outdated()
    }
    if (!(await begin())) throw notOpen(stateOf((await store.byId(row.id)) ?? row, clock.now()))
    let answer: CallAnswer
    try {
      const conditions = now.etag === null ? {} : { 'if-match': now.etag }
      answer = await calls().make({ ...call, conditions: { ...conditions, ...kept.conditions } }, full)
    } catch (error) {
      await store.end(row, 'internal_error', withoutCheck(by))
      throw error
    }
    if (answer.status < 400) {
      const sealed = answer.body === null ? null : store.sealAnswer(row.id, answer.body)
      await close(row, BEGUN, 'done', by, null, sealed)
      return (await store.byId(row.id)) ?? row
    }
    const problem = problemOf(answer)
    const { code } = problem
    const old = code === 'change_outdated' || code === 'changed_meanwhile'
    const lacking = old ? 'outdated' : answer.status < 500 ? 'failed' : undefined
    await store.end(row, code, withoutCheck(by), lacking)
    throw problem
  }

  async function close(
    row: ChangeRow,
    from: string | readonly string[],
    state: keyof typeof EVENTS,
    by: Actor,
    problem: string | null,
    answer: string | null = null,
  ): Promise<void> {
    const at = from === 'pending' ? { decided: clock.now(), decided_by: by.subject.user } : {}
    const event = { type: EVENTS[state], by: withoutCheck(by), fields: { cause: problem } }
    await store.move(row, { from, to: { ...at, state, problem, answer, sealed: null }, event })
  }

  const begun = (by: Actor, type: string, reason: string | null) => ({
    from: 'pending',
    to: { state: 'started', decided: clock.now(), decided_by: by.subject.user, reason },
    event: { type, by, fields: reason === null ? {} : { cause: reason } },
  })

  return {
    known,
    mayRead: readers.mayRead,
    maySee: readers.maySee,
    /** Which calls about a change that waits this reader may make. The hub still refuses what only the change itself shows. */
    choices(row: ChangeRow, subject: Subject) {
      const waits = stateOf(row, clock.now()) === 'pending'
      const decides = waits && readers.refusalFor(row, subject) === null
      const asker = askerOf(row)
      return {
        approve: decides && asker !== null && readers.hasRight(row, asker),
        deny: decides,
        cancel: waits && readers.isAsker(row, subject),
      }
    },
    async approve(id: string, { by, again }: Decider): Promise<ChangeRow> {
      const row = await known(id, by.subject)
      requireOther(row, by)
      requirePending(row)
      const approver = async () => {
        const subject = await again()
        return subject !== null && isPerson(subject) ? subject : null
      }
      return run(
        row,
        { caller: () => askerOf(row), approver },
        () => store.move(row, begun(by, 'change.approved', null)),
        by,
      )
    },
    /** The person who asked makes the change without anybody else, and everybody learns of it. */
    async force(id: string, { by, again }: Decider, reason: string): Promise<ChangeRow> {
      const row = await known(id, by.subject)
      const user = personOf(by)
      if (!isBy(row, user))
        throw problemFor('access_denied', 'Only who asked for the change can make it at once.')
      if (!by.subject.roles.some((role) => breakGlass.includes(role)))
        throw problemFor('not_for_break_glass', 'None of your roles makes a change without approval.')
      requirePending(row)
      // A role can demand a passkey for changes.
      const now = await again()
      const caller = () => {
        const asker = askerOf(row)
        const still = asker?.roles.some((role) => breakGlass.includes(role)) === true
        return asker !== null && still
          ? { ...asker, sessionId: now?.sessionId ?? null, satisfied: now?.satisfied ?? [] }
          : null
      }
      const alarmed = { ...row, reason }
      const begin = () =>
        store.move(row, begun(by, 'change.forced', reason), (trx) => alarm(alarmOf(alarmed), trx))
      return run(row, { caller }, begin, by)
    },
    async deny(id: string, { by }: Decider, reason: string | null): Promise<ChangeRow> {
      const row = await known(id, by.subject)
      requireOther(row, by)
      return end(row, 'denied', by, reason)
    },
    async cancel(id: string, { by }: Decider): Promise<ChangeRow> {
      const row = await known(id, by.subject)
      if (!isBy(row, personOf(by)))
        throw problemFor('access_denied', 'Only who asked for the change takes it back; others deny it.')
      return end(row, 'cancelled', by, null)
    },
    /** What the call answered, once, for who asked: it may contain a secret that is shown once. */
    async answer(id: string, { by }: Decider): Promise<unknown> {
      const row = await known(id, by.subject)
      if (!isBy(row, personOf(by)) || row.state !== 'done' || row.answer === null)
        throw problemFor('change_not_found', 'There is no answer that you have not read.')
      const answer = store.answerOf(row)
      if (!(await store.move(row, { from: 'done', to: { answer: null }, event: null })))
        throw problemFor('change_not_found', 'There is no answer that you have not read.')
      return answer
    },
  }

  async function end(
    row: ChangeRow,
    state: keyof typeof EVENTS,
    by: Actor,
    reason: string | null,
  ): Promise<ChangeRow> {
    requirePending(row)
    const to = { state, decided: clock.now(), decided_by: by.subject.user, reason, sealed: null }
    const event = { type: EVENTS[state], by, fields: reason === null ? {} : { cause: reason } }
    if (!(await store.move(row, { from: 'pending', to, event })))
      throw notOpen(stateOf((await store.byId(row.id)) ?? row, clock.now()))
    return { ...row, ...to }
  }
}

export type ChangeDesk = ReturnType<typeof createChangeDesk>

const lost = ({ user_name }: ChangeRow) => `${user_name} may not make this change any more.`
/** For the end of a change, which is stored also when whoever decided may not any more. */
const withoutCheck = ({ stillMay: _, ...by }: Actor): Actor => by
const outdated = () =>
  problemFor(
    'change_outdated',
    'What the change is about was changed meanwhile, so nothing was done. `mezctl changes get` shows the new difference.',
  )

/** The problem that a call inside the hub was answered with. */
function problemOf({ status, body }: CallAnswer): Problem {
  const { code, detail, type: _type, title: _title, request_id: _id, status: _s, ...members } = Object(body)
  return new Problem(status, String(code ?? 'internal_error'), String(detail ?? ''), members)
}
