// together: msh
/** The one connection of msh to the hub: lost, drained, asleep, expired, and with somebody who is not the hub. */
import { once } from 'node:events'
import { readFileSync, writeFileSync } from 'node:fs'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import t from 'tap'
import { openSession } from '../../oclif-cli/msh/open-session.ts'
import { identityOf } from '../../oclif-cli/shared/identity.ts'
import { startStopwatch } from '../stopwatch.ts'
import { until } from '../until.ts'
import { dial, readAll, serve } from './local-servers.ts'
import { startMshHub } from './msh-hub.ts'
import { loginMsh, mshEnv, openApps, runMsh } from './msh-program.ts'

const hub = await startMshHub()
t.teardown(() => hub.stop())
const env = mshEnv(hub)
t.equal((await loginMsh(hub, env)).code, 0)

/** Two whose certificate ends while the other tests run; one of them sleeps through its end. */
async function endOfCertificate() {
  const own = await startMshHub()
  t.teardown(() => own.stop())
  own.ttlSeconds = 20
  const short = mshEnv(own)
  await loginMsh(own, short)
  own.apps.set('echo', { protocol: 'tcp', port: await serve(t, (socket) => socket.pipe(socket)) })
  const [awake, asleep] = await Promise.all([openApps(['echo'], short), openApps(['echo'], short)])
  asleep.child.kill('SIGSTOP')
  const first = await awake.ended
  asleep.child.kill('SIGCONT')
  const second = await asleep.ended
  return { awake: first, asleep: second, again: await runMsh(['app', 'login', 'echo'], short) }
}
const ending = endOfCertificate()
ending.catch(() => {})

/** A way to the hub that forgets its connections without a word, as routers do. */
async function startForgetfulRelay(port: number) {
  const sockets = new Set<Socket>()
  const server = createServer((near) => {
    const far = connect(port, '127.0.0.1')
    for (const socket of [near, far]) {
      sockets.add(socket)
      socket.on('error', () => {})
      socket.once('close', () => sockets.delete(socket))
    }
    near.pipe(far).pipe(near)
  })
  t.teardown(() => {
    server.close()
    for (const socket of sockets) socket.destroy()
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    proxy: `hub.localhost:${(server.address() as AddressInfo).port}`,
    forget() {
      for (const socket of sockets) socket.unpipe().pause()
    },
  }
}

/**
 * msh sleeps on a laptop that is carried elsewhere: what was open leads nowhere when it wakes up. `sending`: it had begun to
 * send more than the way took.
 */
async function wakeElsewhere({ sending = false } = {}) {
  const own = await startMshHub()
  t.teardown(() => own.stop())
  const relay = await startForgetfulRelay(Number(own.proxy.split(':')[1]))
  const there = mshEnv(own)
  await loginMsh({ proxy: relay.proxy, caFile: own.caFile }, there)
  own.apps.set('echo', { protocol: 'tcp', port: await serve(t, (socket) => socket.pipe(socket)) })
  const msh = await openApps(['echo'], there)
  const old = dial(msh.ports.echo!)
  old.write('x')
  await once(old, 'data')
  const lost = once(old, 'error').then(([error]) => error.code)
  const uploads = Array.from({ length: sending ? 8 : 0 }, () => dial(msh.ports.echo!))
  for (const upload of uploads) {
    upload.write('x')
    await once(upload, 'data')
  }
  if (sending) {
    relay.forget()
    for (const upload of uploads) upload.write(Buffer.alloc(4 << 20))
    await pause(500)
  }
  msh.child.kill('SIGSTOP')
  relay.forget()
  await pause(3_500)
  msh.child.kill('SIGCONT')
  const fresh = dial(msh.ports.echo!)
  fresh.end('good morning')
  const text = await readAll(fresh).then(String, (error) => error.code)
  return { text, lost: await lost, done: await msh.stop() }
}
const waking = wakeElsewhere()
waking.catch(() => {})
const wakingWhileSending = wakeElsewhere({ sending: true })
wakingWhileSending.catch(() => {})

t.test('ports stay open over a restart of the hub, and a connection meanwhile waits', async (t) => {
  hub.apps.set('echo', { protocol: 'tcp', port: await serve(t, (socket) => socket.pipe(socket)) })
  const msh = await openApps(['echo'], env)
  const open = dial(msh.ports.echo!)
  open.write('x')
  await once(open, 'data')
  const lost = once(open, 'error')
  await hub.down()
  t.equal((await lost)[0].code, 'ECONNRESET')
  await msh.err(/Lost the hub: .* Reconnecting/)
  const waiting = dial(msh.ports.echo!)
  waiting.end('patience')
  await new Promise((resolve) => setTimeout(resolve, 300))
  await hub.up()
  t.equal((await readAll(waiting)).toString(), 'patience')
  await msh.err(/Reconnected to hub\.localhost:\d+\./)

  await hub.down()
  const late = dial(msh.ports.echo!)
  t.equal((await once(late, 'error'))[0].code, 'ECONNRESET')
  await msh.err(/echo: connection refused: .* \(hub_unreachable\)/)
  await hub.up()
  const after = dial(msh.ports.echo!)
  const watch = startStopwatch()
  after.end('back')
  t.equal((await readAll(after)).toString(), 'back')
  t.ok(watch.took() < 15_000, 'msh has looked for the hub while a connection waits')
  await msh.stop()
})

t.test('a hub that drains keeps open connections, and msh opens new ones elsewhere', async (t) => {
  hub.apps.set('echo', { protocol: 'tcp', port: await serve(t, (socket) => socket.pipe(socket)) })
  const msh = await openApps(['echo'], env)
  const old = dial(msh.ports.echo!)
  old.write('a')
  await once(old, 'data')
  for (const session of hub.sessions) session.close()
  const fresh = dial(msh.ports.echo!)
  fresh.end('b')
  t.equal((await readAll(fresh)).toString(), 'b')
  old.end('c')
  t.equal((await readAll(old)).toString(), 'c')
  await msh.stop()
})

t.test('a connection after a sleep of the machine is served, although the old ones are dead', async (t) => {
  const woken = { text: 'good morning', lost: 'ECONNRESET', done: { code: 0 } }
  t.match(await waking, woken)
  t.match(await wakingWhileSending, woken, 'although it was sending')
})

t.test('a hub that was restarted in a sleep is found again', async (t) => {
  hub.apps.set('echo', { protocol: 'tcp', port: await serve(t, (socket) => socket.pipe(socket)) })
  const msh = await openApps(['echo'], env)
  msh.child.kill('SIGSTOP')
  await hub.down()
  await hub.up()
  msh.child.kill('SIGCONT')
  const fresh = dial(msh.ports.echo!)
  fresh.end('still here')
  t.equal((await readAll(fresh)).toString(), 'still here')
  await msh.stop()
})

t.test('msh ends with status 1 and the reason when its certificate expires, even in a sleep', async (t) => {
  const { awake, asleep, again } = await ending
  for (const done of [awake, asleep]) {
    t.match(done, {
      code: 1,
      err: /the certificate for .* has expired \(MEZ_LOGIN_EXPIRED\)\nRun msh login/,
    })
  }
  t.match(again, { code: 1, err: /MEZ_LOGIN_EXPIRED/ })
})

t.test('msh ends with status 1 and the reason when its login ends', async (t) => {
  hub.apps.set('echo', { protocol: 'tcp', port: await serve(t, (socket) => socket.pipe(socket)) })
  const told = await openApps(['echo'], env)
  for (const session of hub.sessions) session.goaway(0, 0, Buffer.from('session_ended'))
  t.match(await told.ended, {
    code: 1,
    err: /has ended: your login has ended \(MEZ_LOGIN_ENDED\)\nRun msh login/,
  })
  const asked = await openApps(['echo'], env)
  hub.signedIn = false
  for (const session of hub.sessions) session.destroy()
  await hub.down()
  await hub.up()
  const refused = hub.apps.get('echo')!
  hub.apps.set('echo', { ...refused, refusal: { status: 401, reason: 'session_ended' } })
  dial(asked.ports.echo!)
  t.match(await asked.ended, { code: 1, err: /MEZ_LOGIN_ENDED/ })
  hub.signedIn = true
})

t.test('a bot whose login was renewed outlives the login of before', async (t) => {
  const own = await startMshHub()
  own.apps.set('echo', { protocol: 'tcp', port: await serve(t, (socket) => socket.pipe(socket)) })
  const there = mshEnv(own)
  await loginMsh(own, there)
  const file = join(own.dir, 'home', 'credentials.json')
  const stored = JSON.parse(readFileSync(file, 'utf8'))
  stored.profiles[own.proxy].bot = { name: 'ci', source: { kind: 'secret', env: 'SECRET_OF_TEST' } }
  writeFileSync(file, JSON.stringify(stored))
  t.intercept(process, 'env', { value: { ...process.env, ...there, SECRET_OF_TEST: 'x' } })
  own.token = 'token-of-renewal'
  // The renewal is due at once.
  const session = openSession({ ...identityOf(stored.profiles[own.proxy]), issued: 0 }, () => {})
  t.teardown(async () => {
    session.close()
    await own.stop()
  })
  let ended: string | null = null
  session.over.then(({ message }) => {
    ended = message
  })
  const echo = async (text: string) => {
    const { pipe } = await session.hub.open('echo', 'tcp')
    const answer = new Promise<string>((resolve) => {
      pipe.ondata = (chunk) => resolve(chunk.toString())
      pipe.onclose = (error) => resolve(`closed: ${error?.message}`)
    })
    pipe.write(Buffer.from(text))
    return answer
  }
  await session.hub.connect()
  const [before] = own.sessions
  if (!before) throw new Error('there is no connection')
  await until(() => own.sessions.size === 2, 'msh connects with the new certificate')
  before.goaway(0, 0, Buffer.from('certificate_expired'))
  setTimeout(() => before.destroy(), 200)
  await once(before, 'close')
  t.equal(await echo('still here'), 'still here')
  t.match(await session.client?.call('GET', '/me'), { roles: ['platform', 'new'] }, 'with the new token')
  t.equal(ended, null)
  const [after] = own.sessions
  after?.goaway(0, 0, Buffer.from('session_ended'))
  t.match(await session.over, { code: 'MEZ_LOGIN_ENDED' }, 'its own end still ends msh')
})

t.test('a server that is not the hub of the login gets nothing', async (t) => {
  hub.apps.set('echo', { protocol: 'tcp', port: await serve(t, (socket) => socket.pipe(socket)) })
  const impostors = [
    { foreignAuthority: true },
    { names: ['hub.localhost', 'hub.other.mezite.internal'] },
    { names: ['hub.localhost'] },
  ]
  for (const impostor of impostors) {
    await hub.down()
    await hub.up(impostor)
    hub.asked.length = 0
    const { code, err } = await runMsh(['app', 'login', 'echo'], env)
    t.equal(code, 1)
    t.match(err, /MEZ_HUB_UNTRUSTED/)
    t.strictSame(hub.asked, [])
  }
  await hub.down()
  t.match(await runMsh(['app', 'login', 'echo'], env), { code: 1, err: /MEZ_HUB_UNREACHABLE/ })
  await hub.up()
})
