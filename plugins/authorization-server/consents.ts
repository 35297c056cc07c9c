import type {
  App,
  Audit,
  Catalog,
  Clock,
  PublicNames,
  Session,
  SessionLimits,
  Sessions,
  SignInDesk,
  Users,
} from '@mezite/core'
import type Provider from 'oidc-provider'
import type { Client } from 'oidc-provider'
import type { AppClients } from './app-clients.ts'
import type { Grant } from './consent.ts'
import { programOf } from './program-name.ts'
import { problemFor } from './reasons.ts'
import { APP_SCOPE, appOf, readResource } from './resources.ts'

type Request = Parameters<SignInDesk['sessionOf']>[0]

/** Consents last no longer than this, whatever the roles allow. */
const LONGEST_MS = 90 * 86_400_000
const DEFAULT_TTL_MS = 12 * 3_600_000

export interface ConsentDeps {
  readonly desk: Pick<SignInDesk, 'prepare' | 'adopt'>
  readonly appClients: AppClients
  readonly catalog: Pick<Catalog, 'byHost' | 'byId'>
  /** Whether the app is offered to programs. */
  readonly offered: (app: App) => boolean
  readonly sessions: Pick<Sessions, 'open'>
  readonly users: Pick<Users, 'byName' | 'rolesOf'>
  readonly sessionLimits: SessionLimits | undefined
  readonly publicNames: PublicNames
  readonly audit: Pick<Audit, 'record'>
  readonly clock: Clock
}

/** A person at the page on which a program asks for access. */
interface Interaction {
  readonly request: Request
  readonly session: Session
  /** The program, and the parameters of its request. */
  readonly client: Pick<Client, 'clientId' | 'clientName'>
  readonly params: Readonly<Record<string, unknown>>
  /** Path of the page, to which the person returns. */
  readonly page: string
  /** The parameter `met` of the page: requirements that the person met. */
  readonly met: unknown
}

/** The gate lets the person use the apps for which a program asks. */
interface Prepared {
  readonly apps: readonly { readonly resource: string; readonly app: App }[]
  readonly satisfied: Session['satisfied']
  /** The app whose client asks; undefined for other programs. */
  readonly own: string | undefined
}

type Allowed = Omit<Interaction, 'page' | 'met'> & {
  readonly provider: Provider
  readonly prepared: Prepared
}

/** The consents of people to what programs ask for. The gate is asked here for each app. */
export function createConsents(deps: ConsentDeps) {
  const { desk, appClients, catalog, sessions, users, publicNames, audit, clock } = deps

  /** The apps that the program asks for, by the resource indicators as it wrote them, with what was met for each. */
  async function prepare({ request, session, params, client, page, met: brought }: Interaction) {
    const own = appClients.appOf(client.clientId)
    const indicators = [params.resource ?? []].flat().map(String)
    const asked = indicators.map(
      (text) => [text, appOf(catalog, readResource(text, publicNames) ?? '')] as const,
    )
    const all = own === undefined ? asked : [...asked, [null, catalog.byId(own)] as const]
    const mets = [brought ?? []].flat().map(String)
    const satisfied: Session['satisfied'][number][] = []
    const path = [page, mets.map((met) => `met=${encodeURIComponent(met)}`).join('&')]
      .filter((part) => part !== '')
      .join('?')
    for (const [, app] of asked)
      if (app && !deps.offered(app)) throw problemFor('programs_off', `${app.name} does not accept programs.`)
    for (const [, app] of all) {
      if (app === undefined) throw problemFor('app_unknown')
      let location: string | null = ''
      for (const met of mets.length === 0 ? [undefined] : mets) {
        const access = await desk.prepare(request, { session, app, path, ...(met !== undefined && { met }) })
        location = access.location
        if (location !== null) continue
        satisfied.push(...access.satisfied)
        break
      }
      if (location !== null) return { location } as const
    }
    const apps = asked.flatMap(([resource, app]) => (app ? [{ resource, app }] : []))
    return { location: null, apps, satisfied, own } as const
  }

  const lastsUntil = (session: Session): number => {
    const ttlMs = deps.sessionLimits?.ttlMs(users.rolesOf(session.user)) ?? DEFAULT_TTL_MS
    return Math.min(session.created + ttlMs, clock.now() + LONGEST_MS)
  }

  /** Stores the consent, and the session that stands for it. */
  async function allow({ request, session, client, params, provider, prepared }: Allowed): Promise<string> {
    const { apps, satisfied, own } = prepared
    const user = users.byName(session.user)
    if (user?.holder == null || user.holder !== session.holder) throw problemFor('login_required')
    const program = programOf(client, params).name
    const grant: Grant = new provider.Grant({ accountId: user.holder, clientId: client.clientId })
    // The library counts every scope among its own, that of apps too.
    const scope = String(params.scope ?? '')
    if (scope !== '') grant.addOIDCScope(scope)
    for (const { resource } of apps) grant.addResourceScope(resource, APP_SCOPE)
    // Consents of apps end with the sign-in; a program that the person admitted continues without the browser.
    let anchor = session.id
    if (own === undefined) {
      const opened = await sessions.open({
        kind: 'token',
        user: user.name,
        holder: user.holder,
        connector: session.connector,
        apps: [],
        satisfied,
        since: session.created,
        expires: lastsUntil(session),
        client: program,
        clientIp: request.clientIp,
      })
      // A person whom the provider disables has no programs either.
      await desk.adopt(session, opened.session)
      anchor = opened.session.id
    }
    grant.consent = { user: user.name, holder: user.holder, anchor, program }
    const grantId = await grant.save()
    audit.record({
      type: 'user.login',
      success: true,
      by: request.actor,
      fields: {
        method: 'oauth',
        connector: session.connector,
        program,
        client: client.clientId,
        name: own === undefined ? null : (catalog.byId(own)?.name ?? null),
        session: anchor,
      },
    })
    if (own === undefined)
      audit.record({
        type: 'consent.granted',
        success: true,
        by: request.actor,
        fields: {
          name: program,
          client: client.clientId,
          apps: apps.map(({ app }) => app.name).join(','),
          session: anchor,
        },
      })
    return grantId
  }

  return { prepare, lastsUntil, allow }
}
