// needs: nginx
// together: quick
/** A way out for browsers whose cookies are too many for a request to be read. */
import type { ConnectionInfo } from '@mezite/core/protocol'
import { fakeClock } from '@mezite/core/testing'
import t from 'tap'
import { CookieRescue, RESET_PATH, resetResponse } from '../../../core/traffic/http/cookie-reset.ts'
import { createPages } from '../../../core/web/pages/pages.ts'
import { refusesCookies } from '../../../plugins/http-apps/relay/cookie-refusal.ts'
import type { AppRequest } from '../../../plugins/http-apps/request/app-request.ts'

const pages = createPages({ publicNames: { clusterName: 'test', signInOrigin: 'https://hub.test' } })

const from = (clientIp: string, serverName = 'a.apps.test') => ({ clientIp, serverName }) as ConnectionInfo
function start() {
  const clock = fakeClock()
  return { clock, rescue: new CookieRescue(clock) }
}

t.test(
  'B24 a browser that was just refused may send larger heads, to the same host and for a while',
  async (t) => {
    const { clock, rescue } = start()
    t.equal(rescue.opened(from('192.0.2.1')), null)
    rescue.expect(from('192.0.2.1'))
    t.equal(rescue.opened(from('192.0.2.2')), null, 'another client')
    t.equal(rescue.opened(from('192.0.2.1', 'b.apps.test')), null, 'another host')
    t.equal(rescue.opened(from('192.0.2.1')), 1024 * 1024)
    clock.advance(119_999)
    t.ok(rescue.opened(from('192.0.2.1')))
    clock.advance(1)
    t.equal(rescue.opened(from('192.0.2.1')), null)
  },
)

t.test('B24 the number of connections that may send larger heads is limited', async (t) => {
  const { rescue } = start()
  rescue.expect(from('192.0.2.1'))
  for (let count = 0; count < 16; count++) t.ok(rescue.opened(from('192.0.2.1')))
  t.equal(rescue.opened(from('192.0.2.1')), null)
  rescue.closed()
  t.ok(rescue.opened(from('192.0.2.1')))
})

t.test('B24 the newest 1,000 refused clients are remembered', async (t) => {
  const { rescue } = start()
  for (let count = 0; count <= 1_000; count++) rescue.expect(from(`client ${count}`))
  t.equal(rescue.opened(from('client 0')), null)
  t.ok(rescue.opened(from('client 1')))
  t.ok(rescue.opened(from('client 1000')))
})

/** The response to a reset that the page of the host itself asks for, but for `more`. */
function reset(
  more: Record<string, string> = {},
  head: { method?: string; url?: string } = {},
  appsDomain: string | null = 'apps.example.com',
) {
  const lines: Record<string, string> = {
    Host: 'a.apps.example.com',
    Cookie: 'x=1; __Host-mezite_app=secret; __Host-theirs=2; __Secure-y=3',
    Origin: 'https://a.apps.example.com',
    'Sec-Fetch-Mode': 'navigate',
    'Sec-Fetch-Dest': 'document',
    'Sec-Fetch-User': '?1',
    ...more,
  }
  const rawHeaders = Object.entries(lines).flat()
  const version = { httpVersionMajor: 1, httpVersionMinor: 1 }
  return resetResponse({ method: 'POST', url: RESET_PATH, rawHeaders, ...version, ...head }, pages, {
    appsDomains: appsDomain === null ? [] : [appsDomain],
  })
}

t.test(
  'B24 B25 the reset expires cookies by name on this host and above it, and no cookie of the hub',
  async (t) => {
    const { status, lines = [] } = reset() ?? {}
    t.equal(status, 200)
    const expired = lines.filter((_, at) => lines[at - 1] === 'Set-Cookie')
    const end = '=; Path=/; Max-Age=0; Secure'
    const domains = ['a.apps.example.com', 'apps.example.com'].map((name) => `; Domain=${name}`)
    t.strictSame(expired, [
      ...['', ...domains].map((domain) => `x${end}${domain}`),
      `__Host-theirs${end}`,
      ...['', ...domains].map((domain) => `__Secure-y${end}${domain}`),
    ])
    t.notMatch(lines.join(), /Clear-Site-Data|mezite/)
  },
)

t.test('B24 the reset keeps cookies of domains above that of the apps', async (t) => {
  const domainsOf = (host: string, appsDomain: string | null) => {
    const { lines = [] } =
      reset({ Host: host, Origin: `https://${host}`, Cookie: 'x=1' }, {}, appsDomain) ?? {}
    return lines.flatMap((line) => /; Domain=(.*)/.exec(line)?.[1] ?? [])
  }
  t.strictSame(domainsOf('x.a.apps.example.com', 'apps.example.com'), [
    'x.a.apps.example.com',
    'a.apps.example.com',
    'apps.example.com',
  ])
  t.strictSame(domainsOf('hub.example.com', 'apps.example.com'), ['hub.example.com'])
  t.strictSame(domainsOf('apps.example.com', 'apps.example.com'), ['apps.example.com'])
  t.strictSame(domainsOf('hub.example.com', null), ['hub.example.com'])
  t.strictSame(domainsOf('a.notapps.example.com', 'apps.example.com'), ['a.notapps.example.com'])
})

t.test('B24 cookies are deleted only after a click on the host’s own page', async (t) => {
  t.equal(
    reset({ Origin: 'null', 'Sec-Fetch-Site': 'same-origin' })?.status,
    200,
    'a page without a referrer',
  )
  for (const wrong of [
    { Origin: 'https://b.apps.example.com' },
    { Origin: 'null' },
    { Origin: 'null', 'Sec-Fetch-Site': 'same-site' },
    { 'Sec-Fetch-Mode': 'cors' },
    { 'Sec-Fetch-Mode': 'no-cors' },
    { 'Sec-Fetch-Dest': 'iframe' },
    { 'Sec-Fetch-User': '?0' },
    { 'Sec-Fetch-User': '' },
    { Host: 'x@a.apps.example.com' },
  ])
    t.equal(reset(wrong as Record<string, string>)?.status, 431, JSON.stringify(wrong))
  for (const other of [{ method: 'GET' }, { url: '/' }, { url: `${RESET_PATH}?a` }])
    t.equal(reset({}, other), undefined, JSON.stringify(other))
})

t.test('B24 a response head stays within the limits of browsers', async (t) => {
  const Cookie = Array.from({ length: 5_000 }, (_, at) => `cookie-${at}=1`).join('; ')
  const { lines = [] } = reset({ Cookie }) ?? {}
  t.ok(lines.join('\r\n').length < 140_000)
})

t.test(
  'B24 a 431, or a 400 that closes, of an app to a navigation with many cookies offers the reset',
  async (t) => {
    const cookies = ['a'.repeat(4_000), 'b'.repeat(4_001)]
    const navigation = { method: 'GET', mode: 'navigate', cookies } as unknown as AppRequest
    const refuses = (status: number, lines: string[], more: object = {}) =>
      refusesCookies({ status, lines }, { ...navigation, ...more } as AppRequest)
    const close = ['Server', 'nginx', 'connection', 'Close']
    t.ok(refuses(431, []))
    t.ok(refuses(431, [], { method: 'POST' }))
    t.ok(refuses(400, close))
    t.notOk(refuses(400, ['X', 'Connection', 'Y', 'close']), 'a response of the app itself')
    t.notOk(refuses(400, close, { method: 'POST' }), 'a form that was filled in wrongly')
    for (const status of [200, 401, 404, 413, 500]) t.notOk(refuses(status, close))
    for (const status of [431, 400]) {
      t.notOk(refuses(status, close, { mode: 'cors' }), 'a script')
      t.notOk(refuses(status, close, { cookies: ['a'.repeat(8_000)] }), 'any server accepts that')
    }
  },
)
