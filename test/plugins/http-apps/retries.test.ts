// together: quick
/** What changes between the decision about a request and its way to the app. */
import { setTimeout as pause } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { startStopwatch } from '../../stopwatch.ts'
import { until } from '../../until.ts'
import { OK, openByteApp } from './byte-app.ts'
import { appAt, ask, type Gateway, openGateway, raw } from './gateway.ts'

async function open(t: Test) {
  const app = await openByteApp(() => OK)
  const gateway = await openGateway(
    appAt(app.port, { timeouts: { connectMs: 5_000, responseMs: 20_000, idleMs: 60_000 } }),
  )
  t.teardown(async () => {
    await gateway.close()
    app.close()
  })
  return { app, gateway }
}

/** Runs when somebody dials the app, before the connection is made. */
function whileDialling(gateway: Gateway, run: () => void): void {
  const dial = gateway.tunnel.dial.bind(gateway.tunnel)
  gateway.tunnel.dial = async (app, link) => {
    run()
    return dial(app, link)
  }
}

/** From now on a policy takes its time; `then` hears how often it was asked. */
function decideLate(gateway: Gateway, then: (count: number) => void): void {
  let count = 0
  Object.assign(gateway.decisions, {
    decide: async () => {
      then(++count)
      await pause(50)
      return gateway.state.decision
    },
  })
}

t.test('E71 the app does not get a role that is lost during the dial', async (t) => {
  const { app, gateway } = await open(t)
  const signed: (readonly string[])[] = []
  Object.assign(gateway.deps.assertion, {
    sign: ({ roles }: { roles: readonly string[] }) => {
      signed.push(roles)
      return 'head.body.signature'
    },
  })
  whileDialling(gateway, () => {
    gateway.state.roles = ['dev']
    gateway.state.revision++
  })
  t.match(await raw(gateway, ask('GET /')), /^HTTP\/1.1 200 /)
  t.match(app.requests[0], /\r\nX-Mezite-Roles: dev\r\n/)
  t.strictSame(signed, [['dev']])
  t.match((await gateway.recorded(1))[0], { roles: ['dev'] })
})

t.test('E71 an app gets no byte if access ends during the dial', async (t) => {
  const { app, gateway } = await open(t)
  whileDialling(gateway, () => {
    gateway.state.decision = { effect: 'deny', reason: 'denied', roles: [], requirements: [] } as never
    gateway.state.revision++
  })
  t.match(await raw(gateway, ask('GET /')), /^HTTP\/1.1 403 /)
  t.strictSame(app.requests, [])
})

t.test('E71 a change of the app, the session or the view during the dial ends the request', async (t) => {
  const ends: Readonly<Record<string, (gateway: Gateway, port: number) => void>> = {
    'revoked, the app was changed': (gateway, port) => gateway.apps.set('a.apps.test', appAt(port)),
    'revoked, the app was deleted': (gateway) => gateway.apps.clear(),
    'revoked, the session is over': (gateway) => gateway.sessions.clear(),
    'revoked, the name is gone': (gateway) =>
      Object.assign(gateway.deps.sessions, { subjectOf: () => undefined }),
    'view_stale, the view is old': (gateway) => {
      gateway.state.fresh = false
    },
  }
  for (const [what, end] of Object.entries(ends)) {
    const { app, gateway } = await open(t)
    whileDialling(gateway, () => {
      end(gateway, app.port)
      gateway.state.revision++
    })
    const [code] = what.split(',')
    t.match(await raw(gateway, ask('GET /')), new RegExp(`^HTTP/1.1 (403|503) [^]*"code":"${code}"`), what)
    t.strictSame(app.requests, [], what)
    await until(() => app.sockets.size === 0, `${what}: what was dialled is closed`)
  }
})

t.test('E71 a repeated request has the person’s current identity', async (t) => {
  let gateway: Gateway | undefined
  const app = await openByteApp((request, socket, seen) => {
    if (!request.startsWith('GET /again') || seen > 2) return OK
    gateway!.state.roles = ['dev']
    gateway!.state.revision++
    socket.destroy()
    return null
  })
  gateway = await openGateway(appAt(app.port))
  t.teardown(async () => {
    await gateway?.close()
    app.close()
  })
  t.match(await raw(gateway, ask('GET /warm')), /^HTTP\/1.1 200 /, 'leaves an idle connection')
  t.match(await raw(gateway, ask('GET /again')), /^HTTP\/1.1 200 /)
  const roles = app.requests.map((text) => /\r\nX-Mezite-Roles: (.*)\r\n/.exec(text)?.[1])
  t.strictSame(roles, ['dev,ops', 'dev,ops', 'dev'])
})

t.test('a connection that closes during a recheck is replaced, or causes 502 at once', async (t) => {
  const { app, gateway } = await open(t)
  for (const [method, status] of [
    ['GET', 200],
    ['POST', 502],
  ] as const) {
    t.match(await raw(gateway, ask('GET /warm')), /^HTTP\/1.1 200 /, 'leaves an idle connection')
    const { decide } = gateway.decisions
    decideLate(gateway, (count) => {
      if (count === 1) gateway.state.revision++
      else for (const socket of app.sockets) socket.destroy()
    })
    const watch = startStopwatch()
    const body = method === 'POST' ? ['Content-Length: 0'] : []
    t.match(await raw(gateway, ask(`${method} /again`, ...body)), new RegExp(`^HTTP/1.1 ${status} `), method)
    t.ok(watch.took() < 10_000, 'no deadline was waited for')
    Object.assign(gateway.decisions, { decide })
  }
  t.equal(app.requests.filter((text) => text.startsWith('GET /again')).length, 1)
  t.equal(gateway.live.size, 0)
})
