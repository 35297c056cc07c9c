import { randomBytes } from 'node:crypto'
import { v4 as uuid, v7 as uuidv7 } from 'uuid'
import { holderOf } from '../core/api/user-name.ts'
import type { LargeSizes } from './large-data.ts'

const DAY_MS = 86_400_000
const PRODUCTS =
  'airflow alertmanager argocd artifactory backstage bitbucket confluence consul elastic fleet gitea gitlab grafana harbor hubble jaeger jenkins jira jupyter kafka kibana kiali loki mattermost metabase minio mlflow nexus nomad opencost penpot pgadmin prometheus rancher redash rundeck sentry sonarqube superset vault'.split(
    ' ',
  )
const SITES = 'berlin lisbon oslo paris quito rome seoul tokyo vienna zurich'.split(' ')
const TEAMS = 'data design finance hr infra legal mobile ops platform sales security support web'.split(' ')
const FIRST =
  'anna bruno carla david elena felix greta hugo ines jonas karla lukas maria nils olga paul rosa stefan tina ulf'.split(
    ' ',
  )
const LAST =
  'bauer berg costa dahl engel fischer gruber hansen ito jansen keller lang meyer novak olsen peters roth silva tanaka vogel'.split(
    ' ',
  )
/** What products are for; the launcher groups them by it. */
const GROUPS: readonly (readonly [group: string, products: string])[] = [
  ['Monitoring', 'alertmanager grafana hubble jaeger kiali loki opencost prometheus sentry'],
  ['Development', 'argocd artifactory backstage bitbucket gitea gitlab harbor jenkins jira nexus sonarqube'],
  ['Data', 'airflow elastic kafka kibana jupyter metabase minio mlflow pgadmin redash superset'],
]
const groupOf = (product: string): string =>
  GROUPS.find(([, products]) => products.split(' ').includes(product))?.[0] ?? 'Office'
const title = (word: string) => word[0]!.toUpperCase() + word.slice(1)
const pick = <T>(from: readonly T[], at: number): T => from[at % from.length] as T

/** Names in the data, by index. */
export const large = {
  app: (at: number) =>
    [
      pick(PRODUCTS, at),
      pick(SITES, Math.floor(at / PRODUCTS.length)),
      ...more(at, PRODUCTS.length * SITES.length),
    ].join('-'),
  person: (at: number) =>
    `${[pick(FIRST, at), pick(LAST, Math.floor(at / FIRST.length)), ...more(at, FIRST.length * LAST.length)].join('.')}@example.com`,
  role: (at: number) =>
    [
      pick(TEAMS, at),
      pick(['staff', 'lead', 'oncall', 'guest', 'audit'], Math.floor(at / TEAMS.length)),
      ...more(at, TEAMS.length * 5),
    ].join('-'),
  agent: (at: number) => `${pick(SITES, at)}-${Math.floor(at / SITES.length) + 1}`,
  /** The agent that serves an app: one at its site, if each site has one. */
  agentOf: (at: number, agents: number) => {
    const site = Math.floor(at / PRODUCTS.length) % SITES.length
    const atSite = Math.floor((agents - 1 - site) / SITES.length) + 1
    return large.agent(atSite < 1 ? at % agents : site + SITES.length * (at % atSite))
  },
  /** The roles of a person who has the set with this index. */
  set: (at: number, roles: number) => [
    ...new Set([0, at, at * 7 + 3, at * 5 + 1].map((role) => large.role(role % roles))),
  ],
}
const more = (at: number, all: number) => (at < all ? [] : [String(Math.floor(at / all) + 1)])

/** The rows of each table, as the hub itself would write them, by index. `at` is a time in the past. */
export function largeRows(sizes: LargeSizes, appsDomain: string) {
  const now = Date.now()
  const at = (index: number) => now - (index % 300) * DAY_MS - index * 1_000
  const rolesOf = (index: number) => large.set(index % sizes.sets, sizes.roles)
  return {
    role: (index: number) => roleRow(index, at(index)),
    app: (index: number) => appRow(index, at(index), sizes, appsDomain),
    user: (index: number) => userRow(index, at(index), rolesOf(index)),
    passkey: (index: number) => passkeyRow(index, at(index)),
    agent: (index: number) => agentRow(index, at(index), now),
    bot: (index: number) => botRow(index, at(index), rolesOf(index)),
    token: (index: number) => tokenRow(index, at(index), now),
    session: (index: number) => sessionRow(index, now),
    lock: (index: number) => lockRow(index, now),
    grant: (index: number, appId: string) => grantRow(index, now, appId),
    request: (index: number, app: App, grant: Grant | undefined) => requestRow(index, now, app, grant),
  }
}
type App = ReturnType<typeof appRow>
type Grant = ReturnType<typeof grantRow>

const holder = (index: number) => holderOf({ issuer: 'https://id.example.com', sub: `sub-${index}` })

const roleRow = (index: number, time: number) => {
  const name = large.role(index)
  const team = pick(TEAMS, index)
  const allow =
    index === 0 ? { kind: 'shared' } : index % 3 === 0 ? { team: [team, pick(TEAMS, index + 5)] } : { team }
  const spec = {
    ...(index % 10 === 4 && { options: { require_session_mfa: true } }),
    allow: { app_labels: allow },
    ...(index % 20 === 7 && { deny: { app_labels: { env: 'prod', team } } }),
  }
  const metadata = { name, description: index === 0 ? 'Everybody' : `${title(team)} people` }
  return {
    name,
    document: JSON.stringify({ kind: 'role', version: 'v1', metadata, spec }),
    updated: time,
  }
}

const appRow = (index: number, time: number, sizes: LargeSizes, appsDomain: string) => {
  const name = large.app(index)
  const labels = {
    team: pick(TEAMS, index * 3 + Math.floor(index / 7)),
    env: index % 4 === 0 ? 'dev' : 'prod',
    site: pick(SITES, Math.floor(index / PRODUCTS.length)),
    kind: index % 50 === 0 ? 'shared' : 'own',
  }
  const display = {
    name: `${title(pick(PRODUCTS, index))} ${title(labels.site)}`,
    group: groupOf(pick(PRODUCTS, index)),
  }
  const document = {
    kind: 'app',
    version: 'v1',
    metadata: { name, description: `${display.name} of team ${labels.team}`, labels },
    spec: {
      uri: `http://10.0.${Math.floor(index / 250)}.${(index % 250) + 1}:3000`,
      public_addr: `${name}.${appsDomain}`,
      protocol: 'http',
      agents: [large.agentOf(index, sizes.agents)],
      enabled: index % 40 !== 39,
      display,
    },
  }
  return {
    id: uuid(),
    name,
    public_addr: document.spec.public_addr,
    document: JSON.stringify(document),
    secrets: null,
    created: time,
    updated: time,
  }
}

const userRow = (index: number, time: number, roles: readonly string[]) => {
  const name = large.person(index)
  return {
    key: name,
    name,
    own_roles: JSON.stringify(roles.slice(0, 1)),
    mapped_roles: JSON.stringify(roles.slice(1)),
    issuer: 'https://id.example.com',
    sub: `sub-${index}`,
    connector: 'sso',
    created: time,
    last_login: Date.now() - index * 60_000,
    profile: JSON.stringify({
      holder: holder(index),
      email: name,
      name: name.split('@')[0]!.split('.').slice(0, 2).map(title).join(' '),
    }),
  }
}

const passkeyRow = (index: number, time: number) => ({
  id: randomBytes(16).toString('base64url'),
  user_key: large.person(index),
  holder: holder(index),
  public_key: randomBytes(77),
  counter: 0,
  name: 'Laptop',
  transports: '[]',
  aaguid: '00000000-0000-0000-0000-000000000000',
  backup_eligible: 0,
  attested_root: null,
  created: time,
  last_used: Date.now() - index * 90_000,
})

const sessionRow = (index: number, now: number) => ({
  id: uuidv7(),
  hash: randomBytes(32).toString('base64url'),
  kind: index % 3 === 2 ? 'cert' : 'hub',
  user_name: large.person(index),
  holder: holder(index),
  connector: 'sso',
  app_id: null,
  parent_id: null,
  apps: null,
  client_ip: `10.9.${index % 250}.7`,
  client: 'Firefox',
  satisfied: '[]',
  created: now - index * 1_000,
  expires: now + 12 * 3_600_000,
  idle_ms: 0,
  last_used: now - index * 500,
  ended: null,
  end_reason: null,
})

const tokenRow = (index: number, time: number, now: number) => ({
  id: uuid(),
  name: `backup-${pick(SITES, index)}-${index + 1}`,
  hash: randomBytes(32).toString('base64url'),
  roles: JSON.stringify(['admin']),
  creator: 'operator@socket',
  holder: '',
  created: time,
  expires: now + (1 + (index % 90)) * DAY_MS,
  used_at: index % 3 === 0 ? null : now - index * 1_000,
})

const lockRow = (index: number, now: number) => ({
  id: uuidv7(),
  kind: pick(['user', 'app', 'agent'], index),
  target: pick([large.person(index * 20 + 5), large.app(index * 11 + 4), large.agent(index)], index),
  message: 'Laptop stolen, call the help desk',
  created: now - index * 3_600_000,
  expires: index % 2 === 0 ? now + DAY_MS : null,
})

const agentRow = (index: number, time: number, now: number) => ({
  hostname: large.agent(index),
  created: new Date(time),
  cert_serial: randomBytes(16).toString('hex'),
  previous_serial: null,
  cert_expires: new Date(now + DAY_MS),
  generation: 1,
  cert_authority: null,
  hub_ca_pins: null,
})

const grantRow = (index: number, now: number, appId: string) => ({
  id: uuidv7(),
  user_name: large.person(index * 31 + 2),
  holder: holder(index * 31 + 2),
  role: 'access',
  apps: JSON.stringify([appId]),
  started: now - 60_000,
  until: now + 3_600_000,
  ended: null,
})

const requestRow = (index: number, now: number, app: App, grant: Grant | undefined) => {
  const person = grant?.user_name ?? large.person(index * 13 + 1)
  return {
    id: uuidv7(),
    user_name: person,
    user_key: person,
    holder: grant === undefined ? holder(index * 13 + 1) : null,
    role: 'access',
    via: large.role(0),
    app: app.id,
    app_name: app.name,
    reason: 'Ticket 4711: the dashboard of the shop shows wrong figures',
    duration: 7_200_000,
    approvals: 1,
    break_glass: false,
    path: null,
    created: now - (index + 1) * 60_000,
    expires: now + 7 * DAY_MS,
    state: grant === undefined ? 'pending' : 'approved',
    closed: null,
    grant_id: grant?.id ?? null,
    until: grant?.until ?? null,
    // Used, so that it stays whoever approved it.
    used: grant === undefined ? null : now - 30_000,
    language: 'en',
  }
}

const botRow = (index: number, time: number, roles: readonly string[]) => {
  const name = `ci-${index + 1}`
  const metadata = { name, description: 'Jobs of a team' }
  const document = {
    kind: 'bot',
    version: 'v1',
    metadata,
    spec: { roles: roles, max_token_ttl: '15m' },
  }
  const secret = { secret_hash: randomBytes(32).toString('base64url'), secret_created: time }
  return {
    name,
    document: JSON.stringify(document),
    holder: randomBytes(32).toString('base64url'),
    ...secret,
    updated: time,
  }
}
