// together: quick
import { readFileSync } from 'node:fs'
import t, { type Test } from 'tap'
import { renewedScript, sessionScript, statusOf } from '../../../plugins/http-apps/session/session-routes.ts'
import { OK, openByteApp } from './byte-app.ts'
import { appAt, ask, openGateway, raw, TOKEN } from './gateway.ts'

const HOUR = 3_600_000
const SIBLING = 'https://b.apps.test'
const NAVIGATE = ['Sec-Fetch-Mode: navigate', 'Sec-Fetch-Dest: document', 'Sec-Fetch-Site: same-origin']
const OWN = ['Sec-Fetch-Site: same-origin', 'Sec-Fetch-Mode: cors', 'Sec-Fetch-Dest: empty']

async function open(t: Test, more = {}) {
  const app = await openByteApp(() => OK)
  const gateway = await openGateway(appAt(app.port, more))
  t.teardown(async () => {
    await gateway.close()
    app.close()
  })
  const now = Date.now()
  const session = { ...gateway.sessions.get(TOKEN)!, created: now - HOUR, expires: now + HOUR, lastUsed: now }
  gateway.sessions.set(TOKEN, session)
  return { app, gateway, session }
}

function anonymous(line: string, ...headers: string[]): string {
  return `${line} HTTP/1.1\r\n${['Host: a.apps.test', 'Connection: close', ...headers].join('\r\n')}\r\n\r\n`
}

const bodyOf = (answer: string) => JSON.parse(answer.slice(answer.indexOf('\r\n\r\n')))

t.test('the scripts are small, evaluate nothing and name no other host', async (t) => {
  for (const [script, most] of [
    // 3.3 KB without the German texts and the colours of both themes.
    [sessionScript, 4_160],
    [renewedScript, 1_024],
  ] as const) {
    t.ok(script.length > 50)
    t.ok(Buffer.byteLength(script) <= most, `${Buffer.byteLength(script)} bytes`)
    t.notMatch(script, /eval|Function\(|innerHTML|https?:|localStorage|sessionStorage|\n[ \t]|\/\*\*/)
    t.doesNotThrow(() => new Function(script))
  }
})

t.test('the notice has the design tokens of the hub', async (t) => {
  const url = new URL('../../../core/web/pages/browser/tokens.css', import.meta.url)
  const tokens = readFileSync(url, 'utf8').replaceAll('#ffffff', '#fff').replace(/, /g, ',')
  const colours = sessionScript.match(/light-dark\([^)]*\)/g) ?? []
  t.equal(colours.length, 6)
  for (const colour of colours) t.ok(tokens.includes(colour), colour)
  for (const [, radius = ''] of sessionScript.matchAll(/border-radius:([\d.]+rem)/g))
    t.ok(tokens.includes(`: 0${radius};`), radius)
})

t.test('the script is the same on every host, with and without a session', async (t) => {
  const { app, gateway } = await open(t)
  const get = anonymous('GET /.mezite/session.js')
  const strip = (text: string) => text.replace(/\r\nDate: [^\r]*/, '')
  const here = await raw(gateway, get)
  const there = await raw(gateway, get.replace('a.apps', 'nobody.apps'), 'nobody.apps.test')
  t.match(here, /^HTTP\/1.1 200 [\s\S]*nosniff[\s\S]*text\/javascript/)
  t.match(here, /Cross-Origin-Resource-Policy: same-origin/)
  t.match(here, /Cache-Control: public, max-age=3600/)
  t.equal(strip(there), strip(here))
  t.match(await raw(gateway, anonymous('POST /.mezite/session.js')), /^HTTP\/1.1 404 /)
  t.equal(app.requests.length, 0)
})

t.test('pages of the app can read whose session it is and when it ends', async (t) => {
  const { gateway, session } = await open(t)
  const answer = await raw(gateway, ask('GET /.mezite/session-status', ...OWN))
  t.match(answer, /^HTTP\/1.1 200 [\s\S]*Cache-Control: no-store/)
  t.notMatch(answer, /Access-Control/)
  const said = bodyOf(answer)
  t.match(said, { user: 'ann', expires: new Date(session.expires).toISOString(), warn_seconds: 300 })
  t.ok(said.seconds_left > 3_590 && said.seconds_left <= 3_600)
  t.notMatch(answer, TOKEN)
  gateway.state.fresh = false
  t.match(await raw(gateway, ask('GET /.mezite/session-status', ...OWN)), /^HTTP\/1.1 503 /)
  gateway.state.fresh = true
  const { subjectOf } = gateway.deps.sessions
  Object.assign(gateway.deps.sessions, { subjectOf: () => undefined })
  const gone = await raw(gateway, ask('GET /.mezite/session-status', ...OWN))
  t.match(gone, /^HTTP\/1.1 401 /, 'nor is that of a user who is gone')
  Object.assign(gateway.deps.sessions, { subjectOf })
  gateway.sessions.set(TOKEN, { ...session, appId: 'another' })
  const over = await raw(gateway, ask('GET /.mezite/session-status', ...OWN))
  t.match(over, /^HTTP\/1.1 401 /, 'the session of another app is none')
  t.match(bodyOf(over).login_url, /path=%2F.mezite%2Frenewed&nonce=[\w-]{43}&renew=1$/)
})

t.test('an idle session ends too, and short sessions warn late', async (t) => {
  const { session } = await open(t)
  const now = session.lastUsed + 1_000
  const idle = statusOf({ ...session, idleMs: 60_000 }, now)
  t.match(idle, { seconds_left: 59, warn_seconds: 15 })
  const brief = statusOf({ ...session, created: now - 4_000, expires: now + 4_000 }, now)
  t.match(brief, { seconds_left: 4, warn_seconds: 2 })
  t.equal(statusOf({ ...session, expires: now - 1 }, now).seconds_left, 0)
})

t.test('foreign pages cannot read the status, not even those of a listed origin', async (t) => {
  const { gateway } = await open(t, { origins: [SIBLING] })
  for (const headers of [
    ['Sec-Fetch-Site: same-site', 'Sec-Fetch-Mode: cors'],
    ['Sec-Fetch-Site: cross-site', 'Sec-Fetch-Mode: no-cors'],
    ['Sec-Fetch-Site: none', 'Sec-Fetch-Mode: cors'],
    [`Origin: ${SIBLING}`],
    [`Origin: ${SIBLING}`, ...OWN],
    ['Origin: null'],
  ]) {
    const answer = await raw(gateway, ask('GET /.mezite/session-status', ...headers))
    t.match(answer, /^HTTP\/1.1 403 [\s\S]*origin_not_allowed/, headers.join())
    t.notMatch(answer, /Access-Control|"user"/, headers.join())
  }
  const preflight = ask(
    'OPTIONS /.mezite/session-status',
    `Origin: ${SIBLING}`,
    'Access-Control-Request-Method: GET',
  )
  t.match(await raw(gateway, preflight), /^HTTP\/1.1 404 (?![\s\S]*Access-Control)/)
})

t.test('only navigations reach the hub’s page with the person’s applications', async (t) => {
  const { app, gateway } = await open(t)
  const home = /^HTTP\/1.1 302 [\s\S]*\r\nLocation: https:\/\/hub.test\/\r\n/
  t.match(await raw(gateway, ask('GET /.mezite/', ...NAVIGATE)), home)
  t.match(await raw(gateway, anonymous('GET /.mezite/', ...NAVIGATE)), home, 'the same for everybody')
  t.match(await raw(gateway, ask('GET /.mezite/', ...OWN)), /^HTTP\/1.1 404 /)
  t.equal(app.requests.length, 0)
})

t.test('the small window opens the sign-in and returns to a page that closes it', async (t) => {
  const { app, gateway } = await open(t)
  const away = await raw(gateway, ask('GET /.mezite/renew', ...NAVIGATE))
  t.match(away, /^HTTP\/1.1 302 /)
  t.match(
    away,
    /\r\nLocation: https:\/\/hub.test\/web\/launch\?host=a.apps.test&path=%2F.mezite%2Frenewed&nonce=[\w-]{43}&renew=1\r\n/,
  )
  t.match(
    await raw(gateway, ask('GET /.mezite/renew', ...OWN)),
    /^HTTP\/1.1 401 /,
    'scripts are never led away',
  )
  const back = await raw(gateway, ask('GET /.mezite/renewed', ...NAVIGATE))
  t.match(
    back,
    /^HTTP\/1.1 200 [\s\S]*script-src 'self'[\s\S]*<script defer src="\/.mezite\/renewed.js"><\/script>/,
  )
  t.match(await raw(gateway, anonymous('GET /.mezite/renewed', ...NAVIGATE)), /^HTTP\/1.1 302 [\s\S]*renew=1/)
  t.equal(app.requests.length, 0)
})

t.test('B33 every kind of script gets 401 with login_url, and only listed origins may read it', async (t) => {
  const { app, gateway } = await open(t, { origins: [SIBLING] })
  const socket = [
    ...['Upgrade: websocket', 'Sec-WebSocket-Version: 13', 'Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA=='],
    'Accept: text/html',
  ]
  const kinds: readonly (readonly string[])[] = [
    ['Sec-Fetch-Mode: cors', 'Sec-Fetch-Dest: empty'],
    ['Sec-Fetch-Mode: cors', 'Sec-Fetch-Dest: empty', 'Accept: text/event-stream'],
    ['Sec-Fetch-Mode: websocket', 'Sec-Fetch-Dest: empty', ...socket],
    socket,
  ]
  for (const kind of kinds) {
    for (const [origin, isListed] of [
      [SIBLING, true],
      ['https://evil.test', false],
      ['null', false],
    ] as const) {
      const head = anonymous('GET /data', `Origin: ${origin}`, ...kind)
      const upgrade = kind.includes('Upgrade: websocket')
      const sent = upgrade ? head.replace('Connection: close', 'Connection: Upgrade') : head
      const answer = await raw(gateway, sent)
      t.match(answer, /^HTTP\/1.1 401 [\s\S]*application\/problem\+json[\s\S]*"login_url":"https:/)
      t.match(answer, /Vary: Origin/)
      t.notMatch(answer, /\r\nLocation/)
      if (isListed)
        t.match(answer, /Allow-Origin: https:\/\/b.apps.test\r\nAccess-Control-Allow-Credentials: true/)
      else t.notMatch(answer, /Access-Control/, origin)
    }
  }
  gateway.state.decision = { effect: 'deny', reason: 'role_missing', roles: [], requirements: [] }
  const denied = (origin: string) => raw(gateway, ask('GET /', `Origin: ${origin}`, 'Sec-Fetch-Mode: cors'))
  t.match(await denied(SIBLING), /^HTTP\/1.1 403 [\s\S]*Allow-Origin: https:\/\/b.apps.test/)
  t.notMatch(await denied('https://evil.test'), /Access-Control/)
  t.equal(app.requests.length, 0)
})

t.test(
  'a page can read that access was locked, with the message, and the request is neither use nor a denial',
  async (t) => {
    const { gateway } = await open(t)
    let touched = 0
    Object.assign(gateway.deps.sessions, { touch: () => touched++ })
    gateway.state.decision = {
      effect: 'deny',
      reason: 'locked',
      message: 'Your laptop was reported lost.',
      roles: [],
      requirements: [],
    }
    const locked = await raw(gateway, ask('GET /.mezite/session-status', ...OWN))
    t.match(locked, /^HTTP\/1.1 403 /)
    t.match(bodyOf(locked), { code: 'locked', detail: 'Your laptop was reported lost.' })
    gateway.state.decision = { effect: 'deny', reason: 'role_missing', roles: [], requirements: [] }
    const german = await raw(gateway, ask('GET /.mezite/session-status', 'Accept-Language: de', ...OWN))
    t.match(bodyOf(german), { code: 'role_missing', detail: 'Ihr Zugang ist beendet.' })
    t.strictSame(gateway.records, [])
    gateway.state.decision = { ...gateway.state.decision, effect: 'allow', reason: 'ok' }
    t.match(await raw(gateway, ask('GET /.mezite/session-status', ...OWN)), /^HTTP\/1.1 200 /)
    t.equal(gateway.live.size, 0, 'nothing stays open')
    gateway.state.decision = { effect: 'deny', reason: 'role_missing', roles: [], requirements: [] }
    const page = await raw(gateway, ask('GET /', 'Accept-Language: de', 'Accept: text/html', ...NAVIGATE))
    t.match(page, /Sie sind angemeldet als ann, d\S+rfen a aber nicht benutzen\./)
    t.equal(touched, 0)
  },
)
