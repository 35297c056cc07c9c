// together: sign-in
/** A hub whose pages of sign-in are not those of the plugin `sign-in`: a plugin of somebody else has its own, or there are none. */
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { defineHubPlugin, html, Problem, pages, sessions, signInDesk, users, webRoutes } from '@mezite/core'
import { createTestAgent, createTestHub } from '@mezite/core/testing'
import t from 'tap'
import { register } from '../../e2e/resources.ts'

const open = { config: { access: 'public', rate: 'pages' } } as const
/** A browser that navigates. */
const visit = { headers: { 'sec-fetch-mode': 'navigate' } }
const textOf = (from: unknown, name: string) => String(Object(from)[name] ?? '')

/** Signs people in on a page of its own, with a password that is their name twice. */
const ownSignIn = defineHubPlugin({
  name: 'own-sign-in',
  api: 1,
  summary: 'Own pages of sign-in',
  needs: { pages, sessions, signInDesk, users },
  provides: { webRoutes },
  setup({ use, provide }) {
    const { signInDesk: desk } = use
    const form = (state: string) =>
      use.pages.render({
        title: 'Our own door',
        body: html`<form method="post" action="/web/enter">
          <input type="hidden" name="state" value=${state} />
          <input name="user" value="" /><input name="password" value="" />
          <button>Enter</button>
        </form>`,
      })
    provide.webRoutes({
      name: 'own-sign-in',
      prefix: '',
      async routes(app) {
        type Request = Parameters<typeof desk.next>[0]
        type Reply = Parameters<typeof desk.complete>[1]
        type State = Parameters<typeof desk.next>[1]
        const onward = async (request: Request, reply: Reply, state: State | null) => {
          if (!state) throw new Problem(400, 'state_expired', 'Open the page again.')
          reply.header('referrer-policy', 'no-referrer')
          const location = await desk.next(request, state)
          return location === null ? reply.page(form(desk.seal(state))) : reply.redirect(location, 303)
        }
        const sealed = (request: Request) => desk.open(textOf(request.query, 'state'))
        app.get('/web/launch', open, (request, reply) =>
          onward(request, reply, desk.targetOf(Object(request.query))),
        )
        for (const path of ['/web/continue', '/web/login'])
          app.get(path, open, (request, reply) => onward(request, reply, sealed(request)))
        app.post('/web/enter', open, async (request, reply) => {
          const [name, password] = ['user', 'password'].map((field) => textOf(request.body, field)) as [
            string,
            string,
          ]
          if (password !== name + name) throw new Problem(403, 'wrong_password', 'The password is wrong.')
          const identity = { issuer: 'own', sub: name, connector: 'own' }
          const user = await use.users.signIn({
            ...identity,
            name,
            mappedRoles: name === 'ann' ? ['access'] : [],
          })
          const state = textOf(request.body, 'state')
          return desk.complete(request, reply, { user, connector: 'own', method: 'own', state })
        })
        app.post('/web/leave', open, async (request, reply) => {
          const session = await desk.sessionOf(request)
          if (session) await use.sessions.end([session.id], 'logout', use.sessions.subjectOf(session) ?? null)
          desk.clearCookie(request, reply)
          return reply.page('gone')
        })
        app.get('/web/hello', { config: { access: 'page' } }, async ({ subject }, reply) =>
          reply.page(`hello ${subject.user}`),
        )
      },
    })
  },
})

const received: string[] = []
const server = createServer((request, response) => {
  received.push(String(request.url))
  response.end('the application')
})
await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
t.teardown(() => server.close())
const { port } = server.address() as AddressInfo
const config = { plugins: { 'sign-in': false } }

t.test("a plugin's own pages sign people in, and the gate decides as ever", async (t) => {
  const hub = await createTestHub({ config, plugins: [ownSignIn] })
  t.teardown(() => hub.stop())
  const agent = await createTestAgent(hub)
  t.teardown(() => agent.stop())
  await register(hub.api, 'app', port, { agents: ['node-1'] })
  const app = `${hub.appUrl('app')}/x?y=1`
  const ann = hub.visitor()

  const door = await ann.open(app)
  t.match(door, { status: 200, text: /Our own door/ })
  t.match(await ann.submit(door, /enter/, { user: 'ann', password: 'no' }), {
    status: 403,
    text: /wrong_password/,
  })
  t.match(await ann.fetch(app, visit), { status: 302 }, 'a wrong password opens nothing')
  t.strictSame(received, [])
  const inside = await ann.submit(door, /enter/, { user: 'ann', password: 'annann' })
  t.match(inside, { url: app, status: 200, text: 'the application' })
  t.strictSame(received, ['/x?y=1'])

  t.match(await ann.open(`${hub.url}/web/hello`), { status: 200, text: 'hello ann' })
  const me = await ann.fetch(`${hub.url}/v1/webapi/me/apps`)
  t.match(JSON.parse(me.text), [{ name: 'app' }], 'programs read what a person may open')

  // Somebody without a role has a session, and the gate denies: on the page that tells why.
  const bob = hub.visitor()
  const denied = await bob.submit(await bob.open(app), /enter/, { user: 'bob', password: 'bobbob' })
  t.match(denied, { status: 403, text: /You cannot open app[\s\S]*role_missing/ })
  const hello = hub.visitor()
  t.match(
    await hello.open(`${hub.url}/web/hello`),
    { text: /Our own door/ },
    'a page of the hub leads to the door',
  )

  const forged = new URL(String((await hub.visitor().fetch(app, visit)).headers.location))
  forged.searchParams.set('host', 'app.elsewhere.test')
  t.match(await ann.fetch(forged.href), { status: 400 }, 'no ticket leaves the domain of applications')

  await ann.fetch(`${hub.url}/web/leave`, { method: 'POST', headers: { origin: hub.url } })
  t.match(
    await ann.fetch(app, visit),
    { status: 302 },
    'the sign-out ends the session of the application too',
  )
  t.strictSame(received, ['/x?y=1'])
})

t.test('without pages of sign-in nobody gets in, and a page says so', async (t) => {
  const hub = await createTestHub({ config })
  t.teardown(() => hub.stop())
  await register(hub.api, 'app', port, { agents: [] })
  const stranger = hub.visitor()
  const app = `${hub.appUrl('app')}/x`
  const script = await stranger.fetch(app, { headers: { accept: 'application/json' } })
  t.match(script, { status: 401, text: /login_required/ })
  for (const url of [app, `${hub.url}/web/docs`, `${hub.url}/web/continue`])
    t.match(
      await stranger.open(url),
      { status: 503, text: /Sign-in is not available[\s\S]*sign_in_unavailable/ },
      url,
    )
  t.match(await stranger.open(`${hub.url}/`), { status: 404 })
  t.match(await stranger.fetch(`${hub.url}/v1/webapi/me`), { status: 401 })
  t.match(
    hub.log.find((line) => line.includes('nobody can sign in with a browser')),
    '/web/launch',
    'the log says why',
  )
})
