import { setTimeout } from 'node:timers/promises'
import { defineHubPlugin, type Notification, notifiers } from '@mezite/core'
import { createTestHub, FakeIssuer, type TestHubOptions } from '@mezite/core/testing'

/** A response of the API. */
export interface Answer {
  readonly status: number
  readonly code: string | undefined
  readonly detail: string | undefined
  /** The change that waits. */
  readonly change: string
  // biome-ignore lint/suspicious/noExplicitAny: tests read what they expect
  readonly value: any
}

export const role = (name: string, admin: object[], more: object = {}) => ({
  ...{ kind: 'role', version: 'v1', metadata: { name } },
  spec: { allow: { ...(admin.length > 0 && { admin }), ...more } },
})
export const app = (name: string, labels: object = {}, uri = 'http://127.0.0.1:9') => ({
  ...{ kind: 'app', version: 'v1', metadata: { name, labels } },
  spec: { uri, agents: ['agent-1'] },
})

/** A hub with people who sign in through a provider, and notifications in `sent`. */
export async function startApprovalHub(plugin: object, options: TestHubOptions = {}, issuer?: FakeIssuer) {
  const provider = issuer ?? (await FakeIssuer.start())
  const sent: Notification[] = []
  const receiver = defineHubPlugin({
    name: 'receiver',
    api: 1,
    summary: 'Keeps notifications',
    provides: { notifiers },
    setup({ provide }) {
      provide.notifiers({
        name: 'test',
        takes: () => true,
        async deliver(message) {
          sent.push(message)
        },
      })
    },
  })
  const hub = await createTestHub({
    ...options,
    plugins: [receiver],
    config: { ...options.config, plugins: { 'change-approvals': plugin } },
  })

  /** A call of the API with the token of a session. */
  async function call(
    token: string,
    method: string,
    path: string,
    body?: object,
    headers: object = {},
  ): Promise<Answer> {
    const response = await hub.visitor().stream(`${hub.url}/v1/webapi${path}`, {
      method,
      headers: {
        ...{ accept: 'application/json', authorization: `Bearer ${token}`, ...headers },
        ...(body && { 'content-type': 'application/json' }),
      },
      ...(body && { body: JSON.stringify(body) }),
    })
    response.on('error', () => {})
    let text = ''
    for await (const chunk of response) text += String(chunk)
    const value = text === '' ? {} : JSON.parse(text)
    const { code, detail, change } = value
    return { status: response.statusCode ?? 0, code, detail, change, value }
  }
  return {
    hub,
    issuer: provider,
    sent,
    call,
    connect: () =>
      hub.api('PUT', '/connectors/sso', {
        ...{ kind: 'oidc', version: 'v1', metadata: { name: 'sso' } },
        spec: { ...provider.spec, username_claim: 'upn' },
      }),
    /** Somebody with these roles, signed in: the token of the session. */
    async signIn(person: string, roles: readonly string[], email?: string): Promise<string> {
      const name = `${person}@example.com`
      await hub.api('POST', '/users', { name, roles })
      provider.person = { sub: person, upn: name, email: email ?? name, email_verified: true }
      const visitor = hub.visitor()
      await visitor.open(`${hub.url}/`)
      const cookies = visitor.cookies(new URL(hub.url).host) ?? ''
      const [, token] = /__Host-mezite_session=([\w-]+)/.exec(cookies) ?? []
      if (!token) throw new Error('nobody was signed in')
      return token
    },
    /** Whether such a notification arrives within some seconds. */
    async notified(fits: (one: Notification) => boolean): Promise<boolean> {
      for (let n = 0; n < 100 && !sent.some(fits); n++) await setTimeout(50)
      return sent.some(fits)
    },
    approve: (token: string, id: string) => call(token, 'POST', `/changes/${id}/approve`),
    events: (type: string) =>
      hub.api<Readonly<Record<string, unknown>>[]>('GET', `/audit?type=${type}&limit=1000`),
    async stop() {
      await hub.stop()
      if (issuer === undefined) await provider.close()
    },
  }
}
