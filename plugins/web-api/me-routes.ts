import {
  type AdminRights,
  type App,
  apiRoutes,
  type Catalog,
  type Pages,
  type PublicNames,
  type Sessions,
  Type,
  type WebRoutes,
} from '@mezite/core'
import type { HubState } from '@mezite/core/administration'
import type { LockView } from '@mezite/core/identity'
import type { Access } from '@mezite/core/protocol'
import { problemFor } from './reasons.ts'

const user = { access: 'user' } as const
const AppsQuery = Type.Closed({
  disabled: Type.Optional(
    Type.Boolean({ default: false, description: 'Also list apps that are switched off' }),
  ),
  requestable: Type.Optional(
    Type.Boolean({ default: false, description: 'Also list apps that the person may ask for' }),
  ),
})
const Me = Type.Object({
  user: Type.String(),
  roles: Type.Array(Type.String()),
  locked: Type.Nullable(Type.Object({ message: Type.Nullable(Type.String()) })),
})
const MyRights = Type.Record(
  Type.String({ description: 'A right, such as app.update' }),
  Type.Union([Type.Literal('all'), Type.Literal('some')], { description: 'some: for some labels only' }),
)
const MyApp = Type.Object({
  name: Type.String(),
  protocol: Type.String(),
  public_addr: Type.String(),
  labels: Type.Record(Type.String(), Type.String()),
  display_name: Type.String(),
  description: Type.Nullable(Type.String()),
  group: Type.Nullable(Type.String()),
  icon: Type.Nullable(Type.String({ description: 'A preset, or the path of the uploaded image' })),
  url: Type.Nullable(Type.String({ description: 'Null for an app that browsers cannot open' })),
  state: Type.Union([Type.Literal('ready'), Type.Literal('unreachable'), Type.Literal('disabled')]),
  requirements: Type.Array(Type.String()),
  request_path: Type.Nullable(
    Type.String({ description: 'Where the person asks for access; null for an app that they may open' }),
  ),
})
const BrandResource = Type.Object({
  name: Type.String(),
  cluster: Type.String(),
  logo: Type.Nullable(Type.String({ description: 'Path on the hub' })),
  contact: Type.Nullable(Type.String()),
  help_url: Type.Nullable(Type.String()),
})
const DATA_URL = /^data:(image\/(?:png|jpeg|webp));base64,(.+)$/

/** Where the hub serves the files of its pages. */
const ASSETS = '/web/assets/'

/** Routes with which signed-in people and programs read their own data. */
export const meRoutes = (deps: {
  readonly access: Access
  readonly adminRights: Pick<AdminRights, 'declared' | 'reach'>
  readonly catalog: Catalog
  readonly hubState: Pick<HubState, 'stateOf'>
  readonly locks: LockView
  readonly pages: Pages
  readonly publicNames: PublicNames
  readonly sessions: Sessions
}): WebRoutes => {
  const { access, adminRights, catalog, hubState, locks, pages, publicNames, sessions } = deps

  return apiRoutes('me', (on, web) => {
    web.get(
      '/brand',
      {
        config: { access: 'public', rate: 'pages' },
        schema: {
          summary: 'How the operator presents the hub, for programs that sign people in',
          returns: BrandResource,
        },
      },
      async () => {
        const { name, logo, contact, helpUrl } = pages.brand
        return {
          name,
          cluster: publicNames.clusterName,
          logo: logo === null ? null : ASSETS + logo,
          contact,
          help_url: helpUrl,
        }
      },
    )

    on('GET', { ...user, summary: 'The signed-in person', returns: Me }, (_, { subject }) => {
      const lock = locks.lockFor(subject, null)
      return { user: subject.user, roles: subject.roles, locked: lock && { message: lock.message } }
    })

    const rights = { ...user, summary: 'The rights of administration of the caller', returns: MyRights }
    on('GET /rights', rights, (_, { subject }) => {
      // A locked person may do nothing.
      const declared = locks.lockFor(subject, null) === null ? [...adminRights.declared()].toSorted() : []
      return Object.fromEntries(
        declared.flatMap((right) => {
          const reach = adminRights.reach(subject, right)
          return reach === 'none' ? [] : [[right, reach]]
        }),
      )
    })

    const list = {
      ...user,
      summary: 'The apps that the person may open',
      querystring: AppsQuery,
      returns: Type.Array(MyApp),
    }
    on('GET /apps', list, async (_, { subject, clientIp, query: { disabled, requestable } }) => {
      const visible = await access.visible(subject, clientIp)
      const listed = (one: App, requirements: readonly string[], path: string | null) => ({
        name: one.name,
        protocol: one.protocol,
        public_addr: one.publicAddr,
        labels: one.labels,
        ...shown(one),
        url: catalog.urlOf(one),
        state: personalState(hubState.stateOf(one).state),
        requirements,
        request_path: path,
      })
      const mine = visible.filter(({ app: { enabled } }) => enabled || disabled)
      // A locked person cannot get access by asking.
      const offers = requestable && locks.lockFor(subject, null) === null ? access.offersTo(subject) : []
      const known = new Set(visible.map(({ app: { id } }) => id))
      return [
        ...mine.map(({ app: one, requirements }) => listed(one, requirements, null)),
        ...offers
          .filter(({ app: { id } }) => !known.has(id))
          .map(({ app: one, path }) => listed(one, [], path)),
      ]
    })

    const icon = { ...user, summary: 'The uploaded icon of an app that the person may open' }
    on('GET /apps/:name/icon', icon, async (wanted, { subject, clientIp }, reply) => {
      const visible = await access.visible(subject, clientIp)
      const found = visible.find(({ app: { name } }) => name === wanted)
      const [, type, data] = DATA_URL.exec(found?.app.display?.icon ?? '') ?? []
      if (type === undefined || data === undefined)
        throw problemFor('icon_not_found', `There is no uploaded icon of an app ${wanted}.`)
      reply.type(type).header('cache-control', 'private, max-age=3600')
      return Buffer.from(data, 'base64')
    })

    on('DELETE /session', user, async (_, { subject }) => {
      const ended =
        subject.sessionId === null ? 0 : await sessions.end([subject.sessionId], 'logout', subject)
      return { ended }
    })
  })
}

function shown({ name, description, display }: App) {
  const icon = display?.icon ?? null
  return {
    display_name: display?.name ?? name,
    description: display?.description ?? description,
    group: display?.group ?? null,
    icon: icon?.startsWith('data:') ? `/v1/webapi/me/apps/${name}/icon` : icon,
  }
}

/** People need not know whether an agent or the app behind it is missing. */
const personalState = (state: string) =>
  state === 'ready' || state === 'disabled' ? state : ('unreachable' as const)
