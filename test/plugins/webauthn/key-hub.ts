import {
  createTestHub,
  FakeAuthenticator,
  type FakeClock,
  fakeClock,
  type ResponseChanges,
  type TestHub,
  type TestHubOptions,
  type Visitor,
} from '@mezite/core/testing'

/** What the plugin's calls answer, as far as tests look. */
export interface Said {
  readonly status: number
  readonly code?: string
  readonly ceremony: string
  readonly options: { challenge: string; rpId: string }
  readonly location: string
  readonly permit: string
}

/** Somebody without a provider: a browser, a key, and a hub session once signed in. */
export interface Holder {
  readonly name: string
  readonly visitor: Visitor
  readonly key: FakeAuthenticator
}

/** A hub in this process with the plugin, two apps behind a role that demands a key, and a clock that tests move. */
export async function startKeyHub(
  config: object | false = {},
  plugins: TestHubOptions['plugins'] = [],
  others: object = {},
) {
  const clock: FakeClock = fakeClock()
  const hub: TestHub = await createTestHub({
    config: { plugins: { ...others, webauthn: config } },
    plugins,
    clock,
  })
  return { clock, ...(await keysOf(hub)) }
}

/** The same of a hub that runs. */
export async function keysOf(hub: TestHub) {
  const origin = hub.signInUrl
  const app = (name: string, labels: object) =>
    hub.api('PUT', `/apps/${name}`, {
      kind: 'app',
      version: 'v1',
      metadata: { name, labels },
      spec: { uri: 'http://127.0.0.1:9', agents: ['none'] },
    })
  const role = (name: string, options: object, labels: object = { tier: 'vault' }) =>
    hub.api('PUT', `/roles/${name}`, {
      kind: 'role',
      version: 'v1',
      metadata: { name },
      spec: { options, allow: { app_labels: labels } },
    })
  await Promise.all([app('vault', { tier: 'vault' }), app('other', { tier: 'vault' })])
  await role('strict', { require_session_mfa: true })

  async function post(visitor: Visitor, path: string, body: unknown, headers: object = {}): Promise<Said> {
    const answer = await visitor.fetch(`${origin}${path}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', accept: 'application/json', origin, ...headers },
      body: typeof body === 'string' ? body : JSON.stringify(body),
    })
    const { status: _, ...said } = answer.text === '' ? {} : JSON.parse(answer.text)
    return { ...said, status: answer.status }
  }

  /** The last redirect that an app's host leads to: the demand's page, or the hand-over. */
  async function enter(visitor: Visitor, name: string): Promise<URL> {
    let url = `${hub.appUrl(name)}/deep`
    for (let hop = 0; hop < 8; hop++) {
      const headers = { accept: 'text/html', 'sec-fetch-mode': 'navigate' }
      const answer = await visitor.fetch(url, { headers })
      const next = answer.headers.location
      if (next === undefined) return new URL(url)
      url = new URL(next, url).href
      if (url.includes('/.mezite/session')) return new URL(url)
    }
    throw new Error(`redirects from ${name} do not end`)
  }
  const stateFor = async (holder: Holder, name = 'vault') =>
    (await enter(holder.visitor, name)).searchParams.get('state') ?? ''

  const begin = (holder: Holder, state: string) => post(holder.visitor, '/web/mfa/begin', { state })
  const finish = (holder: Holder, state: string, { ceremony }: Said, response: unknown) =>
    post(holder.visitor, '/web/mfa/finish', { state, ceremony, response })
  /** One whole confirmation with a lie in it. */
  async function confirm(holder: Holder, lie: ResponseChanges = {}, name = 'vault'): Promise<Said> {
    const state = await stateFor(holder, name)
    const asked = await begin(holder, state)
    return finish(holder, state, asked, holder.key.get(asked.options, lie))
  }

  const link = async (name: string, more: object = {}) => {
    const made = await hub.api<{ link: string }>('POST', `/users/${name}/mfa`, { type: 'webauthn', ...more })
    return made.link.split('#')[1]!
  }
  async function enrol(holder: Holder, token: string, lie: ResponseChanges = {}): Promise<Said> {
    const asked = await post(holder.visitor, '/web/enrol/begin', { token })
    if (asked.status !== 200) return asked
    const response = holder.key.create(asked.options, lie)
    return post(holder.visitor, '/web/enrol/finish', {
      token,
      name: 'Key',
      ceremony: asked.ceremony,
      response,
    })
  }
  async function signIn(holder: Holder, lie: ResponseChanges = {}): Promise<Said> {
    const page = await holder.visitor.open(`${origin}/web/login?connector=passkey`)
    const state = new URL(page.url).searchParams.get('state') ?? ''
    const asked = await post(holder.visitor, '/web/passkey/begin', {})
    const response = holder.key.get(asked.options, lie)
    return post(holder.visitor, '/web/passkey/finish', { state, ceremony: asked.ceremony, response })
  }
  /** A new person with a key, signed in. */
  async function person(
    name: string,
    roles: readonly string[] = ['strict'],
    lie: ResponseChanges = {},
  ): Promise<Holder> {
    await hub.api('POST', '/users', { name, roles })
    const holder = { name, visitor: hub.visitor(), key: new FakeAuthenticator(origin) }
    const token = await link(name, { sign_in: true })
    const enrolled = await enrol(holder, token, lie)
    if (enrolled.status !== 303) throw new Error(`not enrolled: ${enrolled.code}`)
    const signedIn = await signIn(holder)
    if (signedIn.status !== 303) throw new Error(`not signed in: ${signedIn.code}`)
    return holder
  }
  /** Events of the type and user, once there are as many; recording takes a moment. */
  async function audit(type: string, user: string, atLeast: number) {
    const deadline = Date.now() + 60_000
    for (;;) {
      const query = new URLSearchParams({ type, user })
      const events = await hub.api<{ success: boolean; reason: string | null }[]>('GET', `/audit?${query}`)
      if (events.length >= atLeast || Date.now() > deadline) return events
      await new Promise((resolve) => setTimeout(resolve, 50))
    }
  }

  return {
    hub,
    origin,
    role,
    post,
    enter,
    stateFor,
    begin,
    finish,
    confirm,
    link,
    enrol,
    signIn,
    person,
    audit,
  }
}
