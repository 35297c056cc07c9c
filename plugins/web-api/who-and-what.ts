import { randomUUID } from 'node:crypto'
import { type App, apiRoutes, type Catalog, inTurns, Type, type Users, type WebRoutes } from '@mezite/core'
import type { AccountGroup, Administration, Explanations } from '@mezite/core/administration'
import { problemFor } from './reasons.ts'

type Outlook = Awaited<ReturnType<AccountGroup['decide']>>

const Reason = {
  roles: Type.Array(Type.String({ description: 'That let in' })),
  requirements: Type.Array(Type.String({ description: 'To be met first, such as session-mfa' })),
  until: Type.Nullable(
    Type.String({ description: 'When the last of the roles ends; null: none of them ends' }),
  ),
}
const Who = Type.Array(
  Type.Object({
    user: Type.String(),
    display_name: Type.Nullable(Type.String({ description: 'As the identity provider says it' })),
    bot: Type.Boolean({ description: 'The account of a program' }),
    ...Reason,
  }),
)
const What = Type.Array(
  Type.Object({ app: Type.String(), display_name: Type.String(), enabled: Type.Boolean(), ...Reason }),
)
const HowMany = Type.Object({
  people: Type.Integer({ description: 'Who may open it, if need be after they meet a requirement' }),
  bots: Type.Integer({ description: 'Accounts of programs that may open it' }),
  roles: Type.Record(Type.String(), Type.Integer({ description: 'How many of both the role lets in' })),
})
const WhoQuery = Type.Closed({ app: Type.String({ minLength: 1, maxLength: 64 }) })
const WhatQuery = Type.Closed({ user: Type.String({ minLength: 1, maxLength: 1_024 }) })

/**
 * `GET /v1/webapi/access/who` and `/what`: who may open an app, and what an account may open, as the gate decides now about a session
 * that has not met any requirement: with locks, grants and every policy. Decided once for each set of roles. `POST /who` counts for an
 * app that is not stored yet, or not so.
 */
export function whoAndWhatRoutes(rooms: {
  readonly administration: Pick<Administration, 'apps'>
  readonly explanations: Pick<Explanations, 'groups'>
  readonly catalog: Pick<Catalog, 'byName' | 'list'>
  readonly users: Pick<Users, 'byName'>
}): WebRoutes {
  const { administration, explanations, catalog, users } = rooms

  async function who(app: App) {
    const found: {
      user: string
      display_name: string | null
      bot: boolean
      roles: readonly string[]
      requirements: readonly string[]
      until: string | null
    }[] = []
    for await (const { group, name, bot } of inTurns(allOf(await explanations.groups()))) {
      const outlook = await group.decide(name, app)
      if (outlook.effect === 'deny') continue
      const display_name = users.byName(name)?.profile?.name ?? null
      found.push({ user: name, display_name, bot, ...(await reasonOf(group, app, outlook)) })
    }
    return found.sort((one, other) => (one.user < other.user ? -1 : 1))
  }

  async function howMany(app: App) {
    const roles = new Map<string, number>()
    const count = { people: 0, bots: 0 }
    for await (const { group, name, bot } of inTurns(allOf(await explanations.groups()))) {
      const outlook = await group.decide(name, app)
      if (outlook.effect === 'deny') continue
      count[bot ? 'bots' : 'people'] += 1
      for (const role of outlook.roles) roles.set(role, (roles.get(role) ?? 0) + 1)
    }
    return { ...count, roles: Object.fromEntries(roles) }
  }

  async function what(group: AccountGroup, user: string) {
    const found = []
    for await (const app of inTurns(catalog.list())) {
      const outlook = await group.decide(user, app)
      if (outlook.effect === 'deny') continue
      const { name, display, enabled } = app
      const display_name = display?.name ?? name
      found.push({ app: name, display_name, enabled, ...(await reasonOf(group, app, outlook)) })
    }
    return found
  }

  return apiRoutes('access', (on) => {
    const access = 'access.read'
    const whoRoute = {
      access,
      summary: 'Who may open an app, and why',
      querystring: WhoQuery,
      returns: Who,
    } as const
    on('GET /who', whoRoute, async (_, { query }) => {
      const app = catalog.byName(query.app)
      if (app) return inTurns(await who(app))
      throw problemFor('app_not_found', `There is no app ${query.app}; \`mezctl apps ls\` lists them.`)
    })
    const draftRoute = {
      access,
      summary: 'How many may open an app as a document has it, which is not stored',
      returns: HowMany,
    } as const
    // With an id of its own, for which no policy knows an answer or keeps one for the stored app: grants for that app alone do not count.
    on('POST /who', draftRoute, (_, { body }) =>
      howMany({ ...administration.apps.read(body), id: randomUUID() }),
    )
    const whatRoute = {
      access,
      summary: 'What a user may open, and why',
      querystring: WhatQuery,
      returns: What,
    } as const
    on('GET /what', whatRoute, async (_, { query: { user } }) => {
      const [group] = await explanations.groups(user)
      if (group) return inTurns(await what(group, group.accounts[0]!.name))
      throw problemFor('user_not_found', `There is no user ${user}; \`mezctl users ls\` lists them.`)
    })
  })
}

/** The accounts of all groups as one list: with turns of its own, each of some dozen groups would begin a new one. */
const allOf = (groups: readonly AccountGroup[]) =>
  groups.flatMap((group) => group.accounts.map((account) => ({ ...account, group })))

/** Why the account may open the app, and until when: an agent no longer than its person. */
async function reasonOf(group: AccountGroup, app: App, { roles, requirements }: Outlook) {
  const { actsFor } = group
  const person = actsFor && (await actsFor.decide(actsFor.accounts[0]!.name, app))
  const end = Math.min(
    endOf(group, app, roles),
    actsFor && person ? endOf(actsFor, app, person.roles) : Number.POSITIVE_INFINITY,
  )
  return { roles, requirements, until: end === Number.POSITIVE_INFINITY ? null : new Date(end).toISOString() }
}

/** As long as one of the roles that let the account in has no end there, it has none; in milliseconds since the epoch. */
function endOf({ roles: standing, grants }: AccountGroup, app: App, roles: readonly string[]): number {
  const ends = roles.map((role) =>
    standing.includes(role)
      ? Number.POSITIVE_INFINITY
      : Math.max(
          0,
          ...grants
            .filter((one) => one.role === role && (one.apps === null || one.apps.includes(app.id)))
            .map((one) => one.until),
        ),
  )
  return Math.max(0, ...ends) || Number.POSITIVE_INFINITY
}
