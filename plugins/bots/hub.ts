import {
  audit,
  catalog,
  credentials,
  dashboardParts,
  database,
  defineHubPlugin,
  migrations,
  pages,
  publicNames,
  revisions,
  sessions,
  users,
  webRoutes,
} from '@mezite/core'
import { findings } from '@mezite/core/administration'
import { botLogins, confirmations, locks } from '@mezite/core/identity'
import { createRateLimit } from '@mezite/core/protocol'
import { agentRoutes } from './agent-routes.ts'
import { createAgents } from './agents.ts'
import { botCredential } from './bot-credential.ts'
import { createBotLogins } from './bot-logins.ts'
import { USER_PREFIX } from './bot-resource.ts'
import { botResource } from './bots.ts'
import { botsPage } from './bots-page.ts'
import { checkRoutes } from './check-route.ts'
import { createIssuerKeys } from './issuer-keys.ts'
import { botMigrations } from './migrations.ts'
import { createProofCheck } from './proof-check.ts'
import { createProofs } from './proofs.ts'
import { reasons } from './reasons.ts'
import { secretRoutes } from './secret-routes.ts'
import { createSecretUses } from './secret-uses.ts'
import { createSpentProofs } from './spent-proofs.ts'

export default defineHubPlugin({
  name: 'bots',
  api: 1,
  summary: 'Accounts of programs, and the proofs by which they get in',
  needs: { audit, catalog, database, locks, pages, publicNames, revisions, sessions, users },
  wants: { confirmations },
  provides: { botLogins, credentials, dashboardParts, findings, migrations, webRoutes },
  reasons,
  setup({ clock, log, tap, use, provide }) {
    const resource = botResource(use.sessions)
    const bots = resource.open({ revisions: use.revisions, log, clock })
    const spent = createSpentProofs(use.database, clock)
    const keysOf = createIssuerKeys(clock)
    const proofs = createProofs({ keysOf, spent, clock })
    const uses = createSecretUses({ ...use, bots, clock, log })
    provide.migrations(botMigrations)
    provide.findings({ name: 'bots', list: uses.findings })
    provide.credentials(botCredential(bots, createRateLimit(clock)))
    provide.dashboardParts(botsPage(bots, use.sessions))
    provide.botLogins(createBotLogins({ ...use, bots, proofs, uses, clock }))
    provide.webRoutes(resource.routes(bots, secretRoutes(bots, { ...use, clock })))
    provide.webRoutes(checkRoutes(bots, createProofCheck({ ...use, bots, keysOf, spent, clock })))
    const agents = createAgents({ ...use, bots, clock })
    provide.webRoutes(agentRoutes({ ...use, agents }))
    tap.user.released(agents.release)
    tap.access.decide(
      ({ subject, context: { clientIp } }, vote) => {
        // Nobody connects in an explanation.
        if (subject.kind !== 'bot' || clientIp === null) return
        // Another plugin may have accounts of programs too.
        const bot = bots.items.get(subject.user.slice(USER_PREFIX.length))
        if (bot && bot.allowFrom !== null && !bot.allowFrom.has(clientIp)) vote.deny('address_not_allowed')
      },
      { pure: true },
    )
  },
})
