import { once } from 'node:events'
import { connect as connectTcp } from 'node:net'
import { connect, type TLSSocket } from 'node:tls'
import t from 'tap'
import { COOKIE } from './gateway.ts'
import { malformedBodies } from './malformed-bodies.ts'
import { malformedHeads } from './malformed-heads.ts'
import { APP_HOST, HUB_HOST, openPublicPort } from './open-public-port.ts'
import type { RequestCase, Verdict } from './request-case.ts'

t.setTimeout(120_000)

const LONGEST_MS = 15_000
const AT_ONCE = 16

/** Everything that came until the connection closed, and whether it was the server that closed it. */
async function talk(port: number, host: string, from: string, bytes: string) {
  const socket: TLSSocket = connect({
    // An address of its own: what one client does must not change what another gets.
    socket: connectTcp({ port, host: '127.0.0.1', localAddress: from }),
    servername: host,
    rejectUnauthorized: false,
    ALPNProtocols: ['http/1.1'],
  })
  socket.on('error', () => {})
  const chunks: Buffer[] = []
  socket.on('data', (chunk: Buffer) => chunks.push(chunk))
  let late = false
  const timer = setTimeout(() => {
    late = true
    socket.destroy()
  }, LONGEST_MS)
  await once(socket, 'secureConnect')
  socket.write(bytes, 'latin1')
  await once(socket, 'close')
  clearTimeout(timer)
  const text = Buffer.concat(chunks).toString('latin1')
  return { late, statuses: [...text.matchAll(/HTTP\/1\.1 (\d{3}) /g)].map(([, status]) => Number(status)) }
}

function pathsOf(requests: readonly string[]): string[] {
  return requests.map((request) => request.split(' ', 2).join(' '))
}

t.test(
  'F81 to F86, F92, E73: every request gets the verdict that is due, on both kinds of hosts',
  async (t) => {
    const hub = await openPublicPort()
    t.teardown(hub.close)
    const name = ({ name, rule }: RequestCase, side: string) => `${side}: ${name} (${rule})`

    async function run(one: RequestCase, at: number, side: 'app' | 'hub') {
      const host = side === 'app' ? APP_HOST : HUB_HOST
      const path = side === 'app' ? `/case-${at}` : `/open/case-${at}`
      const fill = (text: string) =>
        text
          .replaceAll('{host}', host)
          .replaceAll('{path}', path)
          .replaceAll('{cookie}', side === 'app' ? COOKIE : 'a=b')
      const marker = fill(
        'GET {path}-marker HTTP/1.1\r\nHost: {host}\r\nCookie: {cookie}\r\nConnection: close\r\n\r\n',
      )
      const from = `127.${side === 'app' ? 1 : 2}.${at >> 7}.${(at & 127) + 1}`
      const { late, statuses } = await talk(hub.port, host, from, fill(one.bytes) + marker)
      const verdict: Verdict = one[side]
      const wanted = verdict.after === 'kept' ? [...verdict.statuses, 200] : verdict.statuses
      t.strictSame(statuses, wanted, name(one, side))
      t.notOk(late, `${name(one, side)} ends by itself`)
      const seen = pathsOf(side === 'app' ? hub.app.requests : hub.served)
      const markers = seen.filter((line) => line === `GET ${path}-marker`).length
      t.equal(markers, verdict.after === 'kept' ? 1 : 0, `${name(one, side)}: what follows`)
    }

    const queue = [...malformedHeads, ...malformedBodies].flatMap((one, at) => [
      () => run(one, at, 'app'),
      () => run(one, at, 'hub'),
    ])
    const workers = Array.from({ length: AT_ONCE }, async () => {
      for (let next = queue.shift(); next !== undefined; next = queue.shift()) await next()
    })
    await Promise.all(workers)

    const { app, gateway } = hub
    t.notOk(
      pathsOf(app.requests).some((line) => line.includes('hidden')),
      'nothing is smuggled',
    )
    const whole = gateway.requests().filter(({ reason }) => reason === null)
    t.equal(app.requests.length, whole.length, 'the application has seen what was audited')
    t.strictSame(gateway.errors, [])
  },
)
