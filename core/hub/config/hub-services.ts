import { access, locks } from '../../api/access.ts'
import { administration } from '../../api/administration.ts'
import { audit } from '../../api/audit.ts'
import { catalog } from '../../api/catalog.ts'
import { authorities } from '../../api/certificate-authorities.ts'
import { database, databaseServer } from '../../api/database.ts'
import { explanations } from '../../api/explanations.ts'
import { grants } from '../../api/grants.ts'
import { httpHooks } from '../../api/hub-hooks.ts'
import { hubState } from '../../api/hub-state.ts'
import { jobs } from '../../api/jobs.ts'
import { metrics } from '../../api/metrics.ts'
import { pages } from '../../api/pages.ts'
import { proxyLimits } from '../../api/proxy-limits.ts'
import { revisions } from '../../api/revisions.ts'
import { adminRights } from '../../api/rights.ts'
import { secretBox } from '../../api/secret-box.ts'
import { sessions } from '../../api/sessions.ts'
import { signInDesk } from '../../api/sign-in.ts'
import { tunnel } from '../../api/tunnel.ts'
import { users } from '../../api/users.ts'
import { publicNames } from '../../api/web-routes.ts'
import type { Received } from '../../kernel/reference.ts'

/** The services that the hub itself provides to plugins. */
export const hubServices = {
  access,
  adminRights,
  administration,
  audit,
  authorities,
  catalog,
  database,
  databaseServer,
  explanations,
  grants,
  httpHooks,
  hubState,
  jobs,
  locks,
  metrics,
  pages,
  proxyLimits,
  publicNames,
  revisions,
  secretBox,
  sessions,
  signInDesk,
  tunnel,
  users,
}

/** One part for each of `hubServices`. */
export type HubServices = { readonly [K in keyof typeof hubServices]: Received<(typeof hubServices)[K]> }
