// together: quick
import t, { type Test } from 'tap'
import { OK, openByteApp } from './byte-app.ts'
import { appAt, openGateway, raw } from './gateway.ts'

const NAVIGATE = ['Sec-Fetch-Mode: navigate', 'Sec-Fetch-Dest: document', 'Sec-Fetch-Site: none']

async function open(t: Test) {
  const app = await openByteApp(() => OK)
  const gateway = await openGateway(appAt(app.port))
  t.teardown(async () => {
    await gateway.close()
    app.close()
  })
  return { gateway }
}

function anonymous(line: string, ...headers: string[]): string {
  return `${line} HTTP/1.1\r\n${['Host: a.apps.test', 'Connection: close', ...headers].join('\r\n')}\r\n\r\n`
}

t.test('B33 sign-in returns to a repeatable address, and otherwise to the start page', async (t) => {
  const { gateway } = await open(t)
  const path = async (text: string) => /[&;]path=([^&"]*)/.exec(await raw(gateway, text))?.[1]
  t.equal(await path(anonymous('GET /x', ...NAVIGATE)), '%2Fx')
  t.equal(await path(anonymous('HEAD /x', ...NAVIGATE)), '%2Fx')
  const search = '/x?re=\\d+'
  t.equal(await path(anonymous(`GET ${search}`, ...NAVIGATE)), encodeURIComponent('/x?re=%5Cd+'))
  t.equal(
    await path(`${anonymous('POST /x', ...NAVIGATE, 'Content-Length: 1')}x`),
    '%2F',
    'not what was sent',
  )
  t.equal(await path(anonymous(`GET /${'x'.repeat(4_096)}`, ...NAVIGATE)), '%2F', 'not what is too long')
  const socket = [
    'Upgrade: websocket',
    'Sec-WebSocket-Version: 13',
    'Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==',
  ]
  const upgrade = anonymous('GET /x', ...socket).replace('Connection: close', 'Connection: Upgrade')
  t.equal(await path(upgrade), '%2F', 'not what a page cannot show')
  const body = `${anonymous('GET /x', ...NAVIGATE, 'Content-Length: 1')}x`
  t.match(await raw(gateway, body), /^HTTP\/1.1 401 [\s\S]*send it again/, 'a redirect would lose its body')
})

t.test('B27 tabs share a nonce, and a foreign one is replaced', async (t) => {
  const { gateway } = await open(t)
  const nonceFor = async (held: string) => {
    const answer = await raw(gateway, anonymous('GET /', ...NAVIGATE, `Cookie: __Host-mezite_nonce=${held}`))
    return /Set-Cookie: __Host-mezite_nonce=([^;]*)/.exec(answer)?.[1]
  }
  t.equal(await nonceFor('n'.repeat(43)), 'n'.repeat(43))
  for (const odd of ['short', 'n'.repeat(44), `${'n'.repeat(42)}!`]) {
    t.match(await nonceFor(odd), /^[\w-]{43}$/)
    t.not(await nonceFor(odd), odd)
  }
})

t.test('a program without a session gets the ways to sign in with and without a browser', async (t) => {
  const { gateway } = await open(t)
  const response = await raw(gateway, anonymous('GET /x', 'Accept: */*'))
  t.match(response, /^HTTP\/1.1 401 [\s\S]*"code":"login_required"[\s\S]*"login_url":"https:/)
  t.match(response, 'msh app login')
})
