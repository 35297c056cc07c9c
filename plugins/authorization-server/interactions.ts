import {
  type Audit,
  type Catalog,
  type Clock,
  Problem,
  type PublicNames,
  type Session,
  type SessionLimits,
  type Sessions,
  type SignInDesk,
  type Users,
  type WebRoutes,
} from '@mezite/core'
import type { AppClients } from './app-clients.ts'
import { calls } from './calls.ts'
import type { Grant } from './consent.ts'
import type { ConsentPages } from './consent-pages.ts'
import { programOf } from './program-name.ts'
import { APP_SCOPE, appOf, readResource } from './resources.ts'
import type { Server } from './server.ts'

type Request = Parameters<SignInDesk['sessionOf']>[0]
type Reply = Parameters<SignInDesk['complete']>[1]

const PREFIX = '/web/oauth'
/** Consents last no longer than this, whatever the roles allow. */
const LONGEST_MS = 90 * 86_400_000
const DEFAULT_TTL_MS = 12 * 3_600_000
const page = { config: { access: 'page', rate: 'sign_in' } } as const

/** Where the browser signs in and consents. */
export const interactionPath = (uid: string): string => `${PREFIX}/${uid}`

export interface InteractionDeps {
  readonly server: () => Server
  readonly desk: Pick<SignInDesk, 'prepare' | 'seal'>
  readonly appClients: AppClients
  readonly catalog: Pick<Catalog, 'byHost' | 'byId'>
  readonly sessions: Pick<Sessions, 'byId' | 'open' | 'end'>
  readonly users: Pick<Users, 'byName' | 'rolesOf'>
  readonly sessionLimits: SessionLimits | undefined
  readonly publicNames: PublicNames
  readonly audit: Pick<Audit, 'record'>
  readonly pages: ConsentPages
  readonly clock: Clock
}

/** The pages on which a person signs in for a program and lets it in. The gate is asked here for each app. */
export function interactionRoutes(deps: InteractionDeps): WebRoutes {
  const { server, desk, appClients, catalog, sessions, users, publicNames, audit, pages, clock } = deps

  function hubSessionOf({ subject }: Request): Session {
    const session = sessions.byId(subject.sessionId ?? '')
    if (session) return session
    throw new Problem(401, 'login_required', 'Your sign-in has ended. Open the page again.')
  }

  /** Calls the library in the context of this request. */
  function asCall<T>(request: Request, hubSession: Session, work: () => Promise<T>): Promise<T> {
    return calls.run({ clientIp: request.clientIp, requestId: request.id, hubSession, request }, work)
  }

  async function detailsOf(request: Request, reply: Reply) {
    const provider = server().provider()
    const details = await provider.interactionDetails(request.raw, reply.raw).catch(() => null)
    if (details === null || details.uid !== uidOf(request))
      throw new Problem(400, 'request_expired', 'This request has expired. Start again in the program.')
    const client = await provider.Client.find(String(details.params.client_id))
    if (!client) throw new Problem(400, 'client_unknown', 'This program is not known any more.')
    return { provider, details, client }
  }

  /** The apps that the program asks for, by the resource indicators as it wrote them, with what was met for each. */
  async function preparedFor(
    request: Request,
    session: Session,
    params: Readonly<Record<string, unknown>>,
    client: { readonly clientId: string },
    brought: unknown,
  ) {
    const own = appClients.appOf(client.clientId)
    const indicators = [params.resource ?? []].flat().map(String)
    const asked = indicators.map(
      (text) => [text, appOf(catalog, readResource(text, publicNames) ?? '')] as const,
    )
    const all = own === undefined ? asked : [...asked, [null, catalog.byId(own)] as const]
    const mets = [brought ?? []].flat().map(String)
    const satisfied: Session['satisfied'][number][] = []
    const path = [uidPath(request), mets.map((met) => `met=${encodeURIComponent(met)}`).join('&')]
      .filter((part) => part !== '')
      .join('?')
    for (const [, app] of all) {
      if (app === undefined) throw new Problem(404, 'app_unknown', 'No application has this address.')
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
  async function allow(
    request: Request,
    session: Session,
    found: Awaited<ReturnType<typeof detailsOf>>,
    { apps, satisfied, own }: Extract<Awaited<ReturnType<typeof preparedFor>>, { location: null }>,
  ): Promise<string> {
    const { provider, details, client } = found
    const user = users.byName(session.user)
    if (!user) throw new Problem(401, 'login_required', 'Your sign-in has ended. Open the page again.')
    const program = programOf(client, details.params).name
    const grant: Grant = new provider.Grant({ accountId: user.name, clientId: client.clientId })
    // The library counts every scope among its own, that of apps too.
    const scope = String(details.params.scope ?? '')
    if (scope !== '') grant.addOIDCScope(scope)
    for (const { resource } of apps) grant.addResourceScope(resource, APP_SCOPE)
    // Consents of apps end with the sign-in; a program that the person admitted continues without the browser.
    const anchor =
      own !== undefined
        ? session.id
        : (
            await sessions.open({
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
          ).session.id
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

  return {
    name: 'authorization-server-consent',
    prefix: '',
    async routes(web) {
      web.get(`${PREFIX}/:uid`, page, async (request, reply) => {
        const session = hubSessionOf(request)
        return asCall(request, session, async () => {
          const found = await detailsOf(request, reply)
          const { provider, details, client } = found
          const { prompt, params } = details
          if (prompt.name === 'login') {
            const again = prompt.reasons.some((reason) => reason === 'login_prompt' || reason === 'max_age')
            if (again && session.created < details.iat * 1_000) {
              // A session of the library that goes with the former sign-in would not be found again.
              ;(details as { session?: unknown }).session = undefined
              await details.persist()
              const state = desk.seal({ appHost: null, path: uidPath(request), nonceHash: null })
              return reply.redirect(
                `${publicNames.signInOrigin}/web/login?${new URLSearchParams({ state })}`,
                303,
              )
            }
            const login = { accountId: session.user, ts: Math.floor(session.created / 1_000) }
            return reply.redirect(await provider.interactionResult(request.raw, reply.raw, { login }), 303)
          }
          const { met } = Object(request.query) as { met?: unknown }
          const prepared = await preparedFor(request, session, params, client, met)
          if (prepared.location !== null) return reply.redirect(prepared.location, 303)
          if (prepared.own !== undefined) {
            // The operator made this client for the app, so there is nothing to ask.
            const consent = { grantId: await allow(request, session, found, prepared) }
            return reply.redirect(await provider.interactionResult(request.raw, reply.raw, { consent }), 303)
          }
          return pages.consent(request, reply, {
            action: uidPath(request),
            program: programOf(client, params),
            apps: prepared.apps.map(({ app }) => app),
            scopes: String(params.scope ?? '').split(' '),
            until: lastsUntil(session),
            met: [met ?? []].flat().map(String),
          })
        })
      })

      web.post(`${PREFIX}/:uid`, page, async (request, reply) => {
        const session = hubSessionOf(request)
        return asCall(request, session, async () => {
          const found = await detailsOf(request, reply)
          const { provider, details, client } = found
          const { met, decision } = Object(request.body) as { met?: unknown; decision?: unknown }
          if (details.prompt.name !== 'consent')
            throw new Problem(400, 'request_expired', 'This request has expired. Start again in the program.')
          const program = programOf(client, details.params)
          if (decision !== 'allow') {
            const error = { error: 'access_denied', error_description: 'the person did not allow it' }
            const back = await provider.interactionResult(request.raw, reply.raw, error)
            return pages.forward(request, reply, { program, to: back })
          }
          const prepared = await preparedFor(request, session, details.params, client, met)
          if (prepared.location !== null) return reply.redirect(prepared.location, 303)
          const consent = { grantId: await allow(request, session, found, prepared) }
          const back = await provider.interactionResult(request.raw, reply.raw, { consent })
          return pages.forward(request, reply, { program, to: back })
        })
      })
    },
  }
}

const uidOf = ({ params }: Request): string => String((params as { uid?: unknown }).uid)
const uidPath = (request: Request): string => interactionPath(encodeURIComponent(uidOf(request)))
