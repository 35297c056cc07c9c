import {
  type Actor,
  type App,
  apiRoutes,
  type Catalog,
  Problem,
  type PublicNames,
  resourceRoutes,
  type Sessions,
  type Static,
  Type,
  type WebRoutes,
} from '@mezite/core'
import { PageQuery } from '@mezite/core/administration'
import type { AppClients } from './app-clients.ts'
import { calls } from './calls.ts'
import { ACCESS_TOKEN } from './credential.ts'
import type { OperatorClients } from './operator-clients.ts'
import { listPrograms } from './programs.ts'
import { listProgramsNow, type ProgramNow } from './programs-now.ts'
import { problemFor } from './reasons.ts'
import { redirectUriFault } from './redirect-uris.ts'
import { resourceOf } from './resources.ts'
import type { Running } from './running.ts'

/** How long a token for a person's own command line is valid at most, in seconds. */
const LONGEST_SECONDS = 3_600

const Shown = Type.Object({
  client_id: Type.String(),
  name: Type.String(),
  kind: Type.String({ description: 'app, operator, registered or metadata' }),
  people: Type.Integer({ description: 'how many people let it in now' }),
  created: Type.Nullable(Type.String()),
})

const Made = Type.Closed({
  name: Type.String({
    ...{
      pattern: '^[\\p{L}\\p{N}][\\p{L}\\p{N} ._-]{0,63}$',
      must: 'letters, digits, spaces, ".", "_" and "-"',
    },
    description: 'As people see it when they let it in',
  }),
  redirect_uris: Type.Optional(
    Type.Array(Type.String({ maxLength: 1_024 }), {
      maxItems: 20,
      description: 'Where people are sent with the code: https, http to loopback, or a private scheme',
    }),
  ),
  device: Type.Optional(Type.Boolean({ description: 'Whether it may get in by a code that people type' })),
})

const MadeShown = Type.Object({
  ...{ client_id: Type.String(), name: Type.String(), issuer: Type.String(), created: Type.String() },
  ...{ redirect_uris: Type.Array(Type.String()), device: Type.Boolean() },
})

/** Programs for administrators (`mezctl clients`). */
export function clientRoutes(deps: {
  readonly running: () => Running
  readonly appClients: AppClients
  readonly operatorClients: OperatorClients
  readonly publicNames: Pick<PublicNames, 'signInOrigin'>
  readonly catalog: Catalog
}): WebRoutes {
  const { running, appClients, operatorClients, catalog } = deps

  const list = () => listPrograms({ records: running().records, appClients, operatorClients, catalog })

  async function create({ name, redirect_uris: uris = [], device = false }: Static<typeof Made>, by: Actor) {
    const faults = uris.flatMap((uri) => {
      const fault = redirectUriFault(uri)
      return fault === null ? [] : [`The redirect URI ${JSON.stringify(uri)} ${fault}.`]
    })
    if (faults.length > 0) throw problemFor('redirect_uri_invalid', faults.join('\n'))
    if (uris.length === 0 && !device)
      throw problemFor(
        'redirect_uri_invalid',
        'A program needs a redirect URI, or gets in by the code of a device.',
      )
    const client = await operatorClients.create({ name, redirectUris: [...new Set(uris)], device }, by)
    return {
      ...{ client_id: client.clientId, name, redirect_uris: client.redirectUris, device },
      ...{ issuer: deps.publicNames.signInOrigin, created: timeOf(client.created) },
    }
  }

  /** Throws `Problem` for a client that is not one of a program. */
  async function remove(id: string, by: Actor): Promise<undefined> {
    if (appClients.appOf(id) !== undefined) {
      const detail = 'This is the client of an app; `mezctl apps oidc NAME --off` removes it.'
      throw problemFor('client_of_app', detail)
    }
    if (!(await list()).some(({ client_id }) => client_id === id))
      throw problemFor('client_not_found', `There is no program ${id}; \`mezctl clients ls\` lists them.`)
    await running().removeClient(id, by)
  }

  return resourceRoutes(
    {
      ...{ name: 'client', collection: 'clients', key: 'client_id', form: { flat: Shown } },
      search: ({ client_id, name }) => [name, client_id],
      sorts: { name: ({ name }) => name },
      list: { summary: 'The programs that people let in, and those of apps', rows: list, query: PageQuery },
    },
    (on) => {
      const creation = {
        access: 'client.create',
        summary: 'Makes a program known that has no secret, and proves itself by PKCE',
        body: Made,
        returns: MadeShown,
      } as const
      on('POST /', creation, (_, { body, actor }) => create(body, actor))
      const removal = 'Removes a program, and ends its tokens'
      on('DELETE /:id', { access: 'client.delete', summary: removal }, (id, { actor }) => remove(id, actor))
      const body = Type.Closed({ client_id: Type.String({ maxLength: 2_048 }) })
      const summary = `${removal}: for the form of the dashboard`
      const form = { access: 'client.delete', summary, body } as const
      on('POST /remove', form, (_, { body, actor }) => remove(body.client_id, actor))
    },
  )
}

const ShownNow = Type.Object({
  id: Type.String({ description: 'the session whose end takes the access away' }),
  program: Type.String({ description: 'as it names itself; the way in, for a bot' }),
  client_id: Type.Nullable(Type.String()),
  user: Type.String({ description: 'the person for whom it acts, or the bot' }),
  apps: Type.Array(Type.String(), { description: 'for which it has a token now' }),
  ...{ last_used: Type.String(), created: Type.String(), expires: Type.String() },
})

/** Programs that have access now (`mezctl programs ls`). */
export function nowRoutes(deps: {
  readonly running: () => Running
  readonly catalog: Catalog
  readonly sessions: Pick<Sessions, 'list' | 'activityOf'>
}): WebRoutes {
  const rows = () => listProgramsNow({ ...deps, records: deps.running().records })
  return resourceRoutes<ProgramNow>({
    ...{ name: 'program', changeKind: 'client', collection: 'clients/now', key: 'id' },
    form: { flat: ShownNow },
    search: ({ program, user, apps, client_id }) => [program, user, ...apps, client_id ?? ''],
    sorts: { last_used: ({ last_used }) => last_used, program: ({ program }) => program },
    list: { summary: 'The programs that have access now', rows, query: PageQuery },
  })
}

/** Short tokens for the caller's own command line (`msh token`). */
export function tokenRoutes(deps: {
  readonly running: () => Running
  readonly catalog: Catalog
  readonly sessions: Pick<Sessions, 'byId'>
  readonly publicNames: PublicNames
  /** Whether the app is offered to programs. */
  readonly offered: (app: App) => boolean
}): WebRoutes {
  const { running, catalog, sessions, publicNames } = deps

  /** The app that the caller may open from a command line. Throws `Problem`. */
  function appOf(name: string): App {
    const app = catalog.byName(name)
    if (app && catalog.servedByHub(app) && deps.offered(app)) return app
    throw noApp(name)
  }

  return apiRoutes('me', (on) => {
    const route = {
      access: 'user',
      summary: 'A short token with which the caller opens an app',
      body: Type.Closed({
        app: Type.String({ maxLength: 63 }),
        ttl_seconds: Type.Optional(Type.Integer({ minimum: 60, maximum: 3_600 })),
      }),
    } as const
    on('POST /tokens', route, async (_, request, reply) => {
      const app = appOf(request.body.app)
      const { ttl_seconds: ttl = 900 } = request.body
      const own = sessions.byId(request.subject.sessionId ?? '')
      if (!own || own.kind === 'token')
        throw new Problem(403, 'login_required', 'Sign in with msh login or in a browser to get a token.')
      const { tokens } = running()
      const consent = { user: own.user, holder: own.holder, anchor: own.id, program: 'msh' }
      const { clientIp, id: requestId } = request
      const call = { clientIp, requestId, hubSession: undefined, request }
      const { session, token } = await calls
        .run(call, () => tokens.open(app, consent, Math.min(ttl, LONGEST_SECONDS)))
        .catch((error) => {
          if (!(error instanceof running().refusal)) throw error
          const { reason = 'access_denied' } = error as { reason?: string }
          // Whether there is an app of this name is for people who may open it.
          if (NO_RIGHT.includes(reason)) throw noApp(app.name)
          const detail =
            reason === 'session_mfa_required'
              ? `${app.name} needs your passkey.`
              : `You cannot open ${app.name} from here right now.`
          throw new Problem(403, reason, detail)
        })
      tokens.issued({ session, app, client: 'msh', program: 'msh', requestId })
      reply.code(201)
      return {
        access_token: ACCESS_TOKEN + token,
        token_type: 'Bearer',
        expires: timeOf(session.expires),
        resource: resourceOf(app, publicNames),
      }
    })
  })
}

/** Reasons of the gate that mean: nothing lets this person in. */
const NO_RIGHT: readonly string[] = ['role_missing', 'label_mismatch']

const noApp = (name: string): Problem =>
  problemFor('app_not_found', `There is no web application ${name} that you may open.`)

const timeOf = (ms: number): string => new Date(Number(ms)).toISOString()
