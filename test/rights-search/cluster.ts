/** The hub of a search: people who are signed in, a beginning that a seed decides, and calls with anybody's credentials. */
import { Agent } from 'node:https'
import { FakeIssuer } from '@mezite/core/testing'
import { createTestHub, type TestHub } from '../../core/testing/test-hub.ts'
import { lookupLocalhost } from '../../core/wire/localhost-lookup.ts'
import type { Step } from './changes.ts'
import { GROUP } from './documents.ts'
import type { Draw } from './draw.ts'
import {
  appDocument,
  botDocument,
  PEOPLE,
  ROLES,
  roleDocument,
  rolesAtFirst,
  sourceDocument,
} from './drawn-documents.ts'

/** What a step was answered. */
export interface Answered {
  readonly status: number
  readonly code: string | undefined
  // biome-ignore lint/suspicious/noExplicitAny: documents of many routes
  readonly value: any
}

type Id = { readonly id: string }

export class SearchCluster {
  readonly hub: TestHub
  readonly #issuer: FakeIssuer
  readonly #sessions = new Map<string, string>()
  readonly #agent: Agent

  /** For `start`: these changes wait for a second person. */
  static readonly approvals = {
    'change-approvals': {
      require_approval: ['role.*', 'user.update', 'bot.update', 'lock.delete'],
      break_glass: ['r3'],
    },
  }

  private constructor(hub: TestHub, issuer: FakeIssuer) {
    this.hub = hub
    this.#issuer = issuer
    this.#agent = new Agent({ keepAlive: true, ca: hub.ca, lookup: lookupLocalhost })
  }

  /** `plugins`: their configuration, such as changes that need approval. */
  static async start(plugins: object = {}): Promise<SearchCluster> {
    const issuer = await FakeIssuer.start()
    const hub = await createTestHub({
      // All calls come from one address.
      config: {
        proxy: { limits: { calls_per_minute: { tokens: 1_000_000 } } },
        plugins: { 'authorization-server': { enabled: true, registration: true }, ...plugins },
      },
    })
    const cluster = new SearchCluster(hub, issuer)
    for (const name of ['sso', 'other']) await cluster.#connect(name)
    await hub.api('POST', '/users', { name: 'root@example.com', roles: ['admin'] })
    return cluster
  }

  /** Makes all steps as the operator, whom nobody limits, so that a search must find something. */
  withoutGuard = false

  async stop(): Promise<void> {
    this.#agent.destroy()
    await this.hub.stop()
    await this.#issuer.close()
  }

  /** Takes away what is left of the steps before, and writes the documents of a new beginning. */
  async begin(draw: Draw): Promise<void> {
    const { api } = this.hub
    const list = <T>(path: string) => api<T[]>('GET', `${path}?limit=1000`)
    const remove = async (path: string, ids: readonly string[]) => {
      for (const id of ids) await api('DELETE', `${path}/${id}`)
    }
    const named = async (path: string) =>
      (await list<{ metadata: { name: string } }>(path)).map(({ metadata }) => metadata.name)
    for (const path of ['/locks', '/api-tokens', '/invitations', '/tokens'])
      await remove(
        path,
        (await list<Id>(path)).map(({ id }) => id),
      )
    for (const path of ['/bots', '/apps', '/app-sources']) await remove(path, await named(path))
    const users = await list<{ name: string; grants: Id[] }>('/users')
    for (const { id } of users.flatMap(({ grants }) => grants))
      await api('POST', `/access-requests/${id}/revoke`, {}).catch(() => {})
    const known = new Set(users.map(({ name }) => name))
    await remove(
      '/users',
      [...known].filter((name) => !['root@example.com', ...PEOPLE].includes(name)),
    )
    for (const [at, name] of ROLES.entries())
      await api('PUT', `/roles/${name}`, roleDocument(draw, name, at === 0))
    await remove(
      '/roles',
      (await named('/roles')).filter((name) => name === 'r5'),
    )
    await this.#connect('sso')
    for (const name of PEOPLE) {
      const roles = rolesAtFirst(draw, name)
      if (!known.has(name)) await api('POST', '/users', { name, roles })
      if (!known.has(name) || (await this.call(name, 'GET', '/me')).status === 401) {
        // A link may have given the account to whoever has its passkey.
        await api('POST', `/users/${name}/relink`, {})
        await this.#signIn(name)
      }
      await api('PATCH', `/users/${name}`, { roles })
    }
    for (const name of ['one', 'two']) {
      await api('PUT', `/apps/${name}`, appDocument(draw, name))
      await api('PUT', `/app-sources/${name}`, sourceDocument(draw, name))
      await api('PUT', `/bots/${name}`, botDocument(draw, name))
    }
  }

  /** Makes a step; `ids` and `tokens` are those that steps so far were answered with. */
  async make(
    { by, method, path, body }: Step,
    {
      ids,
      tokens,
    }: { readonly ids: ReadonlyMap<string, string>; readonly tokens: ReadonlyMap<string, string> },
  ): Promise<Answered> {
    const full = path.replace(/\{\d+\}/, (reference) => ids.get(reference) ?? 'gone')
    if (!this.withoutGuard) return this.call(tokens.get(by) ?? by, method, full, body)
    return this.hub.api(method, full, body).then(
      (value) => ({ status: 200, code: undefined, value }),
      ({ status, code }) => ({ status, code, value: {} }),
    )
  }

  /** A call with the session of a person, or with an API token. */
  async call(by: string, method: string, path: string, body?: object): Promise<Answered> {
    const { status, text } = await this.hub.visitor().fetch(`${this.hub.url}/v1/webapi${path}`, {
      method,
      agent: this.#agent,
      headers: {
        ...{ accept: 'application/json', authorization: `Bearer ${this.#sessions.get(by) ?? by}` },
        ...(body && { 'content-type': 'application/json' }),
      },
      ...(body && { body: JSON.stringify(body) }),
    })
    const value = text === '' ? {} : JSON.parse(text)
    return { status, code: value?.code, value }
  }

  async #connect(name: string): Promise<void> {
    await this.hub.api('PUT', `/connectors/${name}`, {
      ...{ kind: 'oidc', version: 'v1', metadata: { name } },
      spec: { ...this.#issuer.spec, username_claim: 'upn' },
    })
  }

  async #signIn(name: string): Promise<void> {
    this.#issuer.person = { sub: name, upn: name, email: name, email_verified: true, groups: [GROUP] }
    const visitor = this.hub.visitor()
    await visitor.open(`${this.hub.url}/web/login?connector=sso`)
    const cookies = visitor.cookies(new URL(this.hub.url).host) ?? ''
    const [, token] = /__Host-mezite_session=([\w-]+)/.exec(cookies) ?? []
    if (!token) throw new Error(`${name} was not signed in`)
    this.#sessions.set(name, token)
  }
}
