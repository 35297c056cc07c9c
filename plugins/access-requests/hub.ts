import {
  catalog,
  dashboardParts,
  database,
  defineHubPlugin,
  denialHelp,
  grants,
  homeLinks,
  jobs,
  migrations,
  notifications,
  notifiers,
  pages,
  publicNames,
  revisions,
  roleRules,
  sessions,
  Type,
  users,
  webRoutes,
} from '@mezite/core'
import { confirmations, locks } from '@mezite/core/identity'
import { inPlaceRoutes, requestRoutes } from './api-routes.ts'
import { createScript } from './assets.ts'
import { dashboardPartsOf } from './dashboard-parts.ts'
import { createDenialHelp } from './denial-help.ts'
import { createRequestDesk, type RequestDesk } from './desk.ts'
import { createLabelAccess } from './label-access.ts'
import { createMessages, PAGES } from './messages.ts'
import { requestMigrations } from './migrations.ts'
import { pageRoutes } from './page-routes.ts'
import { createRequestPages } from './pages.ts'
import { createPeople } from './people.ts'
import { reasons } from './reasons.ts'
import { stateOf } from './request.ts'
import { createAccessReview, reviewRoutes } from './review.ts'
import { createRequestRules } from './rules.ts'
import { createRequestStore } from './store.ts'
import { createSweep } from './sweep.ts'
import { texts } from './texts.ts'
import { createUsage } from './usage.ts'

const MINUTE_MS = 60_000
const DAY_MS = 86_400_000
/** Changes after which somebody may no longer be an approver. */
const PEOPLE_KINDS = ['user', 'role', 'lock', 'grant', 'access-request']

/** Access for a time, asked for and approved. The page plugins/access-requests of the documentation has the rules. */
export default defineHubPlugin({
  name: 'access-requests',
  api: 1,
  summary: 'Lets people ask for access for a time',
  config: Type.Closed({
    pending_for: Type.Duration({
      default: '1d',
      min: '5m',
      max: '30d',
      description: 'How long a request can be approved',
    }),
  }),
  needs: { catalog, database, grants, jobs, locks, pages, publicNames, revisions, sessions, users },
  wants: { confirmations, notifications, notifiers },
  provides: { dashboardParts, denialHelp, homeLinks, migrations, roleRules, webRoutes },
  reasons,
  setup({ config, clock, log, tap, use, provide }) {
    const rules = createRequestRules()
    const scripts = { waiting: createScript('waiting'), inbox: createScript('inbox') }
    const store = createRequestStore({ ...use, clock })
    const people = createPeople(use)
    const messages = createMessages({
      ...use,
      approves: (request, user) => desk.reviewerOf(request, user) !== null,
    })
    const desk: RequestDesk = createRequestDesk({
      ...use,
      store,
      rules,
      people,
      messages,
      clock,
      pendingMs: config.pending_for,
    })
    const sweep = createSweep({ ...use, store, desk, messages, clock, log })
    const usage = createUsage({ ...use, store, clock, log })
    const requestPages = createRequestPages({ pages: use.pages, scripts })
    const parts = { ...use, store, rules, people, messages, desk, clock, log, pages: requestPages }

    provide.migrations(requestMigrations)
    for (const rule of rules.entries) provide.roleRules(rule)
    provide.denialHelp(createDenialHelp(parts))
    for (const { webRoutes } of Object.values(scripts)) provide.webRoutes(webRoutes)
    const routes = { ...parts, languageOf: use.pages.languageOf }
    provide.webRoutes(requestRoutes(routes))
    provide.webRoutes(inPlaceRoutes(routes))
    provide.webRoutes(pageRoutes(routes))
    const review = createAccessReview({ ...use, usage, rules })
    provide.webRoutes(reviewRoutes(review, clock))
    for (const part of dashboardPartsOf({ store, review, clock })) provide.dashboardParts(part)
    provide.homeLinks({
      title: texts.en.title,
      titles: { de: texts.de.title },
      href: PAGES,
      count({ user, roles }) {
        const me = use.users.byName(user)
        if (me === undefined || !(rules.asks(roles) || rules.reviews(roles))) return null
        const now = clock.now()
        return store
          .recent()
          .filter((one) => stateOf(one, now) === 'pending' && desk.reviewerOf(one, me) !== null).length
      },
    })
    const byGrant = (id: string) => store.recent().find(({ grant_id }) => grant_id === id)
    tap.access.decide(createLabelAccess(rules, byGrant), { pure: true })
    tap.audit.recorded(usage.note)
    tap.user.released(sweep.release)

    use.jobs.add({ name: 'access-requests-closing', everyMs: MINUTE_MS, run: sweep.record })
    use.jobs.add({ name: 'access-requests-pruning', everyMs: DAY_MS, run: store.prune })
    let withdrawing: Promise<void> = Promise.resolve()
    use.revisions.onApplied((touched) => {
      if (touched !== null && !PEOPLE_KINDS.some((kind) => touched.has(kind))) return
      withdrawing = withdrawing.then(sweep.withdraw)
    })
    tap.lifecycle.start(usage.start)
    tap.lifecycle.stop(async () => {
      await withdrawing
      await usage.stop()
    })
  },
})
