import { type Actor, type Clock, resourceRoutes, type Subject, Type, type WebRoutes } from '@mezite/core'
import { PageQuery } from '@mezite/core/administration'
import type { AdminCalls } from '@mezite/core/types'
import { STATES, stateOf, titleOf } from './change.ts'
import type { ChangeDesk, Decider } from './desk.ts'
import { type Difference, differenceOf } from './difference.ts'
import type { ChangeRow } from './migrations.ts'
import { problemFor } from './reasons.ts'
import type { ChangeStore, ListedChange } from './store.ts'
import { readThing } from './things.ts'

const Text = Type.Nullable(Type.String())
const Listed = Type.Object({
  id: Type.String(),
  state: Type.String({ description: STATES.join(', ') }),
  right: Type.String(),
  method: Type.String(),
  path: Type.String(),
  name: Type.Nullable(Type.String({ description: 'What the path names' })),
  user: Type.String({ description: 'Who asked' }),
  created: Type.String(),
  expires: Type.String(),
  decided: Text,
  decided_by: Text,
  reason: Text,
  problem: Type.Nullable(Type.String({ description: 'The code of the reason why it failed' })),
  has_answer: Type.Boolean({ description: 'Who asked can read once what the call answered' }),
})
const Place = Type.Object({ path: Type.String(), before: Text, after: Text })
const Whole = Type.Object({
  ...Listed.properties,
  current: Type.Nullable(Type.Boolean({ description: 'Whether the thing is still as it was' })),
  difference: Type.Array(Place, { description: 'Against the thing as it is now; secrets are not shown' }),
  effect: Type.Unknown({ description: 'Who gains and who loses access, for a role; else null' }),
})
const Reason = Type.String({ minLength: 1, maxLength: 2_000 })

/** What `GET /:id` adds to a change. */
export interface ChangeDetails {
  readonly current: boolean | null
  readonly difference: readonly Difference[]
  readonly effect: unknown
}

const shownChange = (row: ListedChange, now: number) => ({
  id: row.id,
  state: stateOf(row, now),
  right: row.right,
  method: row.method,
  path: row.url.split('?', 1)[0] ?? '',
  name: row.thing_key,
  user: row.user_name,
  created: timeOf(row.created),
  expires: timeOf(row.expires),
  decided: row.decided === null ? null : timeOf(row.decided),
  decided_by: row.decided_by,
  reason: row.reason,
  problem: row.problem,
  has_answer: row.has_answer,
})
const timeOf = (at: number) => new Date(Number(at)).toISOString()

/** What a change that waits would do now. `sees`: whether the thing of today may be shown, by whether it is still as it was. */
export function createDetails(parts: { readonly store: ChangeStore; readonly calls: () => AdminCalls }) {
  return async (row: ChangeRow, sees: (isUnchanged: boolean) => boolean): Promise<ChangeDetails> => {
    const kept = parts.store.keptOf(row)
    if (kept === null) return { current: null, difference: [], effect: null }
    const thing = row.thing_path === null ? null : { path: row.thing_path, key: row.thing_key ?? '' }
    const now = await readThing(parts.calls(), { url: row.url, thing })
    const current = now.print === row.print
    if (!sees(current)) return { current, difference: [], effect: null }
    const after = row.method === 'DELETE' && row.url === row.thing_path ? null : kept.body
    // A body that names some members only changes no others.
    const whole = row.method === 'PUT' || after === null
    const before = whole ? now.document : partOf(now.document, after)
    return {
      current,
      difference: differenceOf(before, after),
      effect: await effectOf(row, after),
    }
  }

  async function effectOf(row: ChangeRow, after: unknown): Promise<unknown> {
    if (!row.right.startsWith('role.') || row.thing_key === null) return null
    const metadata = { name: row.thing_key }
    const body = after ?? { kind: 'role', version: 'v1', metadata, spec: {} }
    const url = '/v1/webapi/roles/preview'
    const { status, body: effect } = await parts.calls().read({ method: 'POST', url, body })
    // Requests that people made are for readers of the audit trail.
    const { users = null, groups = null } = Object(effect) as { users?: unknown; groups?: unknown }
    return status < 300 ? { users, groups } : null
  }
}

/** The members of a document that the other one has. */
function partOf(document: unknown, like: unknown): unknown {
  if (Object(document) !== document || Object(like) !== like) return null
  const all = document as Record<string, unknown>
  return Object.fromEntries(
    Object.keys(like as object).flatMap((name) => (name in all ? [[name, all[name]]] : [])),
  )
}

/** `/v1/webapi/changes`. Callers see their own changes, and those whose right they have. */
export function changeRoutes(parts: {
  readonly desk: ChangeDesk
  readonly store: ChangeStore
  readonly detailsOf: ReturnType<typeof createDetails>
  readonly clock: Clock
}): WebRoutes {
  const { desk, store, detailsOf, clock } = parts
  const show = (row: ListedChange) => shownChange(row, clock.now())
  const shown = (row: ChangeRow) => show({ ...row, has_answer: row.answer !== null })
  const decider = (call: { actor: Actor; identifyAgain: () => Promise<Subject | null> }): Decider => ({
    by: call.actor,
    again: call.identifyAgain,
  })
  return resourceRoutes<ListedChange>(
    {
      ...{ name: 'change', collection: 'changes', key: 'id', form: { flat: Listed }, show },
      newestFirst: true,
      search: (row) => [titleOf(row), row.user_name, row.id, `state:${stateOf(row, clock.now())}`],
      sorts: { created: ({ created }) => created, user: ({ user_name }) => user_name },
      list: {
        access: 'user',
        summary: 'Changes that wait or waited for approval and concern the caller, the newest first',
        query: PageQuery,
        rows: async ({ subject }) => (await store.list()).filter((row) => desk.mayRead(row, subject)),
      },
    },
    (on) => {
      const user = { access: 'user', returns: Listed } as const
      const one = { access: 'user', returns: Whole, summary: 'One change, with its difference' } as const
      on('GET /:id', one, async (id, { subject }) => {
        const row = await desk.known(id, subject)
        return { ...shown(row), ...(await detailsOf(row, (same) => desk.maySee(row, subject, same))) }
      })
      const approve = { ...user, summary: 'Approve a change, which makes it' }
      on('POST /:id/approve', approve, async (id, call) => shown(await desk.approve(id, decider(call))))
      // The form of the dashboard sends an empty text where nobody wrote one.
      const optional = Type.Closed({ reason: Type.Optional(Type.String({ maxLength: 2_000 })) })
      const deny = { ...user, summary: 'Deny a change', body: optional }
      on('POST /:id/deny', deny, async (id, call) =>
        shown(await desk.deny(id, decider(call), call.body.reason?.trim() || null)),
      )
      const cancel = { ...user, summary: 'Take back a change' }
      on('POST /:id/cancel', cancel, async (id, call) => shown(await desk.cancel(id, decider(call))))
      const force = {
        ...user,
        summary: 'Make a change without approval',
        body: Type.Closed({ reason: Reason }),
      }
      on('POST /:id/force', force, async (id, call) => {
        const reason = call.body.reason.trim()
        if (reason === '') throw problemFor('invalid_request', 'A change without approval needs a reason.')
        return shown(await desk.force(id, decider(call), reason))
      })
      const answer = { access: 'user', summary: 'What the call answered, once, for who asked' } as const
      on('POST /:id/answer', answer, async (id, call) => (await desk.answer(id, decider(call))) as object)
    },
  )
}
