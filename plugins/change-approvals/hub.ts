import {
  adminRights,
  changeHolds,
  dashboardParts,
  database,
  defineHubPlugin,
  grants,
  jobs,
  migrations,
  type Notification,
  notifications,
  revisions,
  secretBox,
  type Transaction,
  Type,
  users,
  webRoutes,
} from '@mezite/core'
import { locks } from '@mezite/core/identity'
import type { AdminCalls, AdminRight } from '@mezite/core/types'
import { createChangeDesk } from './desk.ts'
import { createHold } from './hold.ts'
import { changeMigrations } from './migrations.ts'
import { changesPage } from './page.ts'
import { reasons } from './reasons.ts'
import { changeRoutes, createDetails } from './routes.ts'
import { createChangeStore } from './store.ts'
import { createSweep } from './sweep.ts'
import { readThing } from './things.ts'

const MINUTE_MS = 60_000
const DAY_MS = 86_400_000
const VERB = '(\\*|create|update|delete|enable|end|review|invite)'

/** Chosen changes wait until another person approves them. The page plugins/change-approvals of the documentation has the rules. */
export default defineHubPlugin({
  name: 'change-approvals',
  api: 1,
  summary: 'Lets chosen changes wait until a second person approves them',
  config: Type.Closed({
    require_approval: Type.Array(Type.String({ pattern: `^(\\*|[a-z][a-z0-9_-]*)\\.${VERB}$` }), {
      default: [],
      maxItems: 200,
      description: 'Rights whose changes wait for another person: role.update, connector.*',
    }),
    break_glass: Type.Array(Type.String({ minLength: 1, maxLength: 64 }), {
      default: [],
      maxItems: 50,
      description: 'Roles whose people may make such a change at once, with a reason and an alarm',
    }),
    pending_for: Type.Duration({
      default: '1d',
      min: '5m',
      max: '30d',
      description: 'How long a change can be approved',
    }),
  }),
  needs: { adminRights, database, grants, jobs, locks, revisions, secretBox, users },
  wants: { notifications },
  provides: { changeHolds, dashboardParts, migrations, webRoutes },
  reasons,
  setup({ config, clock, log, provide, use }) {
    const patterns = config.require_approval
    let made: AdminCalls | null = null
    const calls = (): AdminCalls => {
      if (made === null) throw new Error('the hub does not serve yet')
      return made
    }
    const alarm = async (one: Notification, trx?: Transaction): Promise<void> => {
      await use.notifications?.send(one, trx)
    }
    const chosen = (right: string) => patterns.some((pattern) => fits(pattern, right))
    // An invitation makes a user, only later.
    const needsApproval = (right: string) =>
      chosen(right) || (right === 'invitation.create' && chosen('user.create'))
    /** The rights whose changes wait. */
    let held: readonly AdminRight[] = []
    const store = createChangeStore({ ...use, clock })
    const desk = createChangeDesk({ ...use, store, clock, alarm, calls, breakGlass: config.break_glass })
    const detailsOf = createDetails({ store, calls })
    const sweep = createSweep({ store, clock, log, revisions: use.revisions })

    provide.migrations(changeMigrations)
    provide.webRoutes(changeRoutes({ desk, store, detailsOf, clock }))
    provide.dashboardParts(
      changesPage({
        ...{ desk, store, detailsOf, clock },
        opensTo: (reader) => held.some((right) => use.adminRights.reach(reader, right) !== 'none'),
      }),
    )
    const closing = use.jobs.add({ name: 'change-approvals-closing', everyMs: MINUTE_MS, run: sweep.close })
    provide.changeHolds({
      opened(calls, rights) {
        made = calls
        closing.runSoon()
        held = rights.filter(needsApproval)
        const unknown = patterns.filter((pattern) => !rights.some((right) => fits(pattern, right)))
        if (unknown.length > 0)
          throw new Error(`plugins.change-approvals.require_approval: no change needs ${unknown.join(', ')}`)
      },
      hold: createHold({
        ...{ store, users: use.users, clock, alarm, pendingMs: config.pending_for },
        needsApproval,
        read: (call) => readThing(calls(), call),
      }),
    })
    use.jobs.add({ name: 'change-approvals-pruning', everyMs: DAY_MS, run: sweep.prune })
  },
})

function fits(pattern: string, right: string): boolean {
  const parts = (text: string) => [
    text.slice(0, text.lastIndexOf('.')),
    text.slice(text.lastIndexOf('.') + 1),
  ]
  const [kind, verb] = parts(pattern)
  const [ofKind, ofVerb] = parts(right)
  return (kind === '*' || kind === ofKind) && (verb === '*' || verb === ofVerb)
}
