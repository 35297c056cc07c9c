/** Who may send a request that is too large, in order to get rid of the cookies that make it so. */
import type { ConnectionInfo } from '@mezite/core/protocol'
import t from 'tap'
import { limits } from '../../../plugins/http-apps/limits.ts'
import type { Deadlines } from '../../../plugins/http-apps/relay/deadlines.ts'
import type { AppRequest } from '../../../plugins/http-apps/request/app-request.ts'
import {
  CookieRescue,
  isTooLarge,
  RESET_PATH,
  refusesCookies,
  tooLargeOrReset,
} from '../../../plugins/http-apps/session/cookie-reset.ts'

const from = (clientIp: string, serverName = 'a.apps.test') => ({ clientIp, serverName }) as ConnectionInfo
function start() {
  const deadlines = { now: 1_000 }
  return { deadlines, rescue: new CookieRescue(deadlines as Deadlines) }
}

t.test('B24 a browser that has just been refused may send more, at the same host and for a while', (t) => {
  const { deadlines, rescue } = start()
  t.notOk(rescue.opened(from('192.0.2.1')))
  rescue.expect(from('192.0.2.1'))
  t.notOk(rescue.opened(from('192.0.2.2')), 'another client')
  t.notOk(rescue.opened(from('192.0.2.1', 'b.apps.test')), 'another host')
  t.ok(rescue.opened(from('192.0.2.1')))
  deadlines.now += limits.rescueMs - 1
  t.ok(rescue.opened(from('192.0.2.1')))
  deadlines.now += 1
  t.notOk(rescue.opened(from('192.0.2.1')))
  t.end()
})

t.test('B24 only so many connections may send more at once', (t) => {
  const { rescue } = start()
  rescue.expect(from('192.0.2.1'))
  for (let count = 0; count < limits.rescues; count++) t.ok(rescue.opened(from('192.0.2.1')))
  t.notOk(rescue.opened(from('192.0.2.1')))
  rescue.closed()
  t.ok(rescue.opened(from('192.0.2.1')))
  t.end()
})

t.test('B24 of clients that were refused the newest 1,000 are remembered', (t) => {
  const { rescue } = start()
  for (let count = 0; count <= 1_000; count++) rescue.expect(from(`client ${count}`))
  t.notOk(rescue.opened(from('client 0')))
  t.ok(rescue.opened(from('client 1')))
  t.ok(rescue.opened(from('client 1000')))
  t.end()
})

t.test('B24 cookies are deleted for the form of the host’s own page alone', (t) => {
  const own = { target: RESET_PATH, method: 'POST', origin: 'https://a.apps.test' }
  const status = (request: object) => tooLargeOrReset(request as AppRequest, 'https://a.apps.test').status
  t.equal(status(own), 200)
  t.equal(status({ ...own, origin: 'null', site: 'same-origin' }), 200, 'a page without a referrer')
  for (const other of [
    { target: '/' },
    { target: `${RESET_PATH}?a` },
    { method: 'GET' },
    { origin: 'https://b.apps.test' },
    { origin: undefined },
    { origin: 'null', site: 'same-site' },
  ])
    t.equal(status({ ...own, ...other }), 431, JSON.stringify(other))
  t.end()
})

t.test(
  'B24 an app refuses cookies when it answers 431, or 400 and closes, to a navigation with many',
  (t) => {
    const cookies = ['a'.repeat(4_000), 'b'.repeat(4_001)]
    const navigation = { method: 'GET', mode: 'navigate', cookies } as unknown as AppRequest
    const refuses = (status: number, lines: string[], more: object = {}) =>
      refusesCookies({ status, lines }, { ...navigation, ...more } as AppRequest)
    const close = ['Server', 'nginx', 'connection', 'Close']
    t.ok(refuses(431, []))
    t.ok(refuses(431, [], { method: 'POST' }))
    t.ok(refuses(400, close))
    t.notOk(refuses(400, ['X', 'Connection', 'Y', 'close']), 'an answer of the app itself')
    t.notOk(refuses(400, close, { method: 'POST' }), 'a form that was filled in wrongly')
    for (const status of [200, 401, 404, 413, 500]) t.notOk(refuses(status, close))
    for (const status of [431, 400]) {
      t.notOk(refuses(status, close, { mode: 'cors' }), 'a script')
      t.notOk(refuses(status, close, { cookies: ['a'.repeat(8_000)] }), 'any server takes that')
    }
    t.end()
  },
)

t.test('the size of a head counts what stands between its parts', (t) => {
  const source = { rawHeaders: ['ab', 'c'], url: '/12' } as never
  t.notOk(isTooLarge(source, 10))
  t.ok(isTooLarge(source, 9))
  t.end()
})
