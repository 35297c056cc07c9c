import { createHash, randomBytes } from 'node:crypto'
import { createServer, type IncomingHttpHeaders } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { AnyPlugin } from '@mezite/core'
import {
  type Answer,
  connectIssuer,
  createTestAgent,
  createTestHub,
  type FakeClock,
  FakeIssuer,
  type TestHub,
  type Visitor,
} from '@mezite/core/testing'

/** What a program gets from the token endpoint. */
export interface Tokens {
  readonly access_token: string
  readonly refresh_token: string
  readonly token_type: string
  readonly expires_in: number
  readonly scope: string
  readonly id_token?: string
}

export const REDIRECT = 'http://127.0.0.1:4711/callback'

interface WorldOptions {
  /** Of the plugin; what depends on the provider of the people gets it. */
  readonly config?: object | ((issuer: FakeIssuer) => object)
  /** Instead of the plugin of the standard set. */
  readonly plugin?: AnyPlugin
  readonly more?: readonly AnyPlugin[]
  readonly roles?: object
  /** Configuration of other plugins. */
  readonly plugins?: object
  readonly clock?: FakeClock
}

/** A hub with the authorization server, an agent, and two apps that show the requests that they receive; gone with the test. */
export async function startWorld(
  t: { teardown(fn: () => unknown): void },
  { config = {}, plugin, more = [], roles = {}, plugins = {}, clock }: WorldOptions = {},
) {
  const received: { url: string; headers: IncomingHttpHeaders }[] = []
  const upstream = createServer((request, response) => {
    request.resume()
    received.push({ url: request.url ?? '', headers: request.headers })
    if (request.url !== '/drip') return void response.end(`for ${String(request.headers['x-mezite-user'])}`)
    response.write('.')
    const timer = setInterval(() => response.write('.'), 20)
    response.on('close', () => clearInterval(timer))
  })
  await new Promise<void>((resolve) => upstream.listen(0, '127.0.0.1', resolve))
  const issuer = await FakeIssuer.start()
  const given = typeof config === 'function' ? config(issuer) : config
  const own = { enabled: true, registration: true, ...given }
  const hub = await createTestHub({
    ...(clock && { clock }),
    config: {
      proxy: {
        limits: {
          calls_per_minute: { tokens: 10_000, sign_in: 10_000, other: 10_000, keys: 10_000, pages: 10_000 },
        },
      },
      plugins: { ...plugins, 'authorization-server': plugin === undefined ? own : false },
    },
    plugins: [...more, ...(plugin === undefined ? [] : [{ plugin, config: own }])],
  })
  await connectIssuer(hub, issuer, {
    staff: { allow: { app_labels: { '*': '*' } } },
    guests: {},
    ...roles,
  })
  const agent = await createTestAgent(hub)
  t.teardown(async () => {
    await agent.stop()
    await hub.stop()
    await issuer.close()
    upstream.closeAllConnections()
    upstream.close()
  })
  const port = (upstream.address() as AddressInfo).port
  const register = (name: string, spec: object = {}, labels: object = { env: 'test' }) =>
    hub.api('PUT', `/apps/${name}`, {
      kind: 'app',
      version: 'v1',
      metadata: { name, labels },
      spec: { uri: `http://127.0.0.1:${port}`, agents: [agent.hostname], ...spec },
    })
  await register('one')
  await register('two')

  const person = (name: string, ...groups: string[]) => {
    issuer.person = { sub: name, email: `${name}@example.com`, email_verified: true, groups }
  }
  const client = (metadata: object = {}) => registerClient(hub, metadata)
  return {
    hub,
    issuer,
    agent,
    received,
    register,
    person,
    client,
    resource: (name: string) => `${hub.appUrl(name)}/`,
  }
}

export type World = Awaited<ReturnType<typeof startWorld>>

/** Registers a public client (RFC 7591) and resolves to its id. */
export async function registerClient(hub: TestHub, metadata: object = {}): Promise<string> {
  const answer = await post(hub, '/v1/oauth/register', {
    client_name: 'Test program',
    redirect_uris: [REDIRECT],
    token_endpoint_auth_method: 'none',
    grant_types: ['authorization_code', 'refresh_token', 'urn:ietf:params:oauth:grant-type:device_code'],
    ...metadata,
  })
  if (answer.status !== 201) throw new Error(`${answer.status} ${answer.text}`)
  return JSON.parse(answer.text).client_id
}

/** A POST of JSON or, given parameters, of a form, as a program sends it. */
export function post(
  hub: TestHub,
  path: string,
  body: object | URLSearchParams,
  headers: Readonly<Record<string, string>> = {},
): Promise<Answer> {
  const form = body instanceof URLSearchParams
  return hub.visitor().fetch(hub.signInUrl + path, {
    method: 'POST',
    headers: { 'content-type': form ? 'application/x-www-form-urlencoded' : 'application/json', ...headers },
    body: form ? body.toString() : JSON.stringify(body),
  })
}

/** A call of the token endpoint. */
export const token = (
  hub: TestHub,
  fields: Readonly<Record<string, string>>,
  headers = {},
): Promise<Answer> => post(hub, '/v1/oauth/token', new URLSearchParams(fields), headers)

export function proofKey(): { readonly verifier: string; readonly challenge: string } {
  const verifier = randomBytes(32).toString('base64url')
  return { verifier, challenge: createHash('sha256').update(verifier).digest('base64url') }
}

/** The address at which a program starts in the browser. */
export function authorizationUrl(hub: TestHub, fields: Readonly<Record<string, string>>): string {
  const query = new URLSearchParams({
    response_type: 'code',
    redirect_uri: REDIRECT,
    scope: 'app',
    state: 'the-state',
    code_challenge_method: 'S256',
    ...fields,
  })
  return `${hub.signInUrl}/v1/oauth/authorize?${query}`
}

/** Follows the browser until it leaves the hub: the page it stays on, or the address of the program. */
export async function follow(visitor: Visitor, url: string, origin: string): Promise<Answer | URL> {
  let next = new URL(url)
  for (let hops = 0; hops < 20; hops++) {
    if (next.origin === origin) return next
    const answer = await visitor.fetch(next.href, {
      headers: { 'sec-fetch-mode': 'navigate', accept: 'text/html' },
    })
    const { location } = answer.headers
    const [, refresh] = /http-equiv="refresh" content="0; ?url=([^"]*)"/i.exec(answer.text) ?? []
    const to = location ?? refresh?.replaceAll('&amp;', '&')
    if (to === undefined) return answer
    next = new URL(to, next)
  }
  throw new Error(`too many redirects from ${url}`)
}

/** Signs in, allows the program on its page, and resolves to where the browser goes. */
export async function consent(
  hub: TestHub,
  visitor: Visitor,
  fields: Readonly<Record<string, string>>,
  decision: 'allow' | 'deny' = 'allow',
): Promise<Answer | URL> {
  const origin = new URL(fields.redirect_uri ?? REDIRECT).origin
  const page = await follow(visitor, authorizationUrl(hub, fields), origin)
  if (page instanceof URL || page.status !== 200) return page
  return allow(visitor, page, origin, decision)
}

/** Decides on the page about a program, and follows the browser. */
export async function allow(
  visitor: Visitor,
  page: Answer,
  origin: string = new URL(REDIRECT).origin,
  decision: 'allow' | 'deny' = 'allow',
): Promise<Answer | URL> {
  const answer = await visitor.submit(page, /\/web\/oauth\//, { decision })
  const [, refresh] = /http-equiv="refresh" content="0; ?url=([^"]*)"/i.exec(answer.text) ?? []
  if (refresh === undefined) return answer
  return follow(visitor, new URL(refresh.replaceAll('&amp;', '&'), answer.url).href, origin)
}

/** The whole authorization code grant with PKCE: a browser, and a program that redeems the code. */
export async function authorize(
  hub: TestHub,
  visitor: Visitor,
  client_id: string,
  resource: string,
  more: Readonly<Record<string, string>> = {},
  headers: Readonly<Record<string, string>> = {},
): Promise<Tokens> {
  const { verifier, challenge } = proofKey()
  const target = await consent(hub, visitor, { client_id, resource, code_challenge: challenge, ...more })
  if (!(target instanceof URL)) throw new Error(`${target.url} ${target.status} ${target.text}`)
  const code = target.searchParams.get('code')
  if (code === null) throw new Error(`no code: ${target.href}`)
  const answer = await token(
    hub,
    {
      grant_type: 'authorization_code',
      code,
      client_id,
      redirect_uri: more.redirect_uri ?? REDIRECT,
      code_verifier: verifier,
    },
    headers,
  )
  if (answer.status !== 200) throw new Error(`${answer.status} ${answer.text}`)
  return JSON.parse(answer.text)
}
