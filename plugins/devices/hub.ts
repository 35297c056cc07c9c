import {
  catalog,
  credentials,
  dashboardParts,
  defineHubPlugin,
  jobs,
  migrations,
  notifications,
  pages,
  publicNames,
  revisions,
  roleRules,
  sessions,
  users,
  webRoutes,
} from '@mezite/core'
import { confirmations } from '@mezite/core/identity'
import { access } from '@mezite/core/protocol'
import { deviceCredentials } from './credential.ts'
import { createDesk } from './desk.ts'
import { devicesPage } from './devices-page.ts'
import { deviceMigrations } from './migrations.ts'
import { pageRoutes } from './page-routes.ts'
import { reasons } from './reasons.ts'
import { deviceRoutes } from './routes.ts'
import { createDeviceRule } from './rule.ts'
import { createDeviceStore } from './store.ts'
import { createUses } from './uses.ts'

const DAY_MS = 86_400_000

/** Phones and other clients that can only send a secret. The page plugins/devices of the documentation has the rules. */
export default defineHubPlugin({
  name: 'devices',
  api: 1,
  summary: 'Lets people add phones and other clients that can only send a secret',
  needs: { access, catalog, jobs, pages, publicNames, revisions, sessions, users },
  wants: { confirmations, notifications },
  provides: { credentials, dashboardParts, migrations, roleRules, webRoutes },
  reasons,
  setup({ clock, log, tap, use, provide }) {
    const { catalog, notifications } = use
    const store = createDeviceStore(use)
    const rule = createDeviceRule(store, () => clock.now())
    const uses = createUses({
      ...use,
      store,
      appName: (id) => catalog.byId(id)?.name ?? id,
      notify: notifications === undefined ? null : (one, trx) => notifications.send(one, trx),
      clock,
      log,
    })
    const desk = createDesk({ ...use, store, rule, clock, log })
    provide.migrations(deviceMigrations)
    provide.roleRules(rule.rule)
    for (const entry of deviceCredentials({ ...use, store, uses })) provide.credentials(entry)
    provide.webRoutes(pageRoutes({ ...use, desk }))
    provide.webRoutes(deviceRoutes({ ...use, store, desk }))
    provide.dashboardParts(devicesPage(store, catalog))
    tap.access.decide(rule.decide, { pure: true })
    use.jobs.add({ name: 'devices-purge', everyMs: DAY_MS, run: () => store.purge(clock.now()) })
  },
})
