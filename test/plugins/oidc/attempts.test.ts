// together: quick
import { testSecretBox } from '@mezite/core/testing'
import t from 'tap'
import { safePath } from '../../../core/api/local-path.ts'
import { createDesk } from '../../../core/web/desk/sign-in-desk.ts'
import { createAttempts } from '../../../plugins/oidc/attempts.ts'

let ahead = 0
const clock = { now: () => Date.now() + ahead, monotonic: () => performance.now() + ahead }
const secretBox = testSecretBox()
const attempts = createAttempts(secretBox, clock)

/** A sign-in that begins, and its cookie as the browser sends it. */
function begin(held?: string, target = 'target') {
  const { attempt, cookies } = attempts.begin({ connector: 'sso', target }, held)
  return { attempt, cookies, cookie: cookies.at(-1)!.split(';')[0]! }
}

t.test('an attempt is found by its state for ten minutes, among others', async (t) => {
  const [one, two] = [begin(), begin()]
  const header = `a=b; ${one.cookie}; ${two.cookie}`
  t.strictSame(attempts.find(header, one.attempt.state)?.attempt, one.attempt)
  t.strictSame(attempts.find(header, two.attempt.state)?.attempt, two.attempt)
  const [name] = one.cookie.split('=')
  const value = two.cookie.slice(two.cookie.indexOf('='))
  t.equal(attempts.find(`${name}${value}`, one.attempt.state), null, 'another state under this one’s name')
  t.equal(attempts.find(`${name}=AAAA`, one.attempt.state), null, 'damaged, or of another key')
  ahead = 9 * 60_000
  t.ok(attempts.find(header, one.attempt.state))
  ahead = 11 * 60_000
  t.equal(attempts.find(header, one.attempt.state), null)
  ahead = 0
})

t.test('the cookie of an attempt is bound to the hub and hidden from scripts', async (t) => {
  const { attempt, cookie, cookies } = begin()
  for (const line of [cookies[0], attempts.find(cookie, attempt.state)?.removal])
    t.match(line, /^__Host-[^;]+; Max-Age=\d+; Path=\/; Secure; HttpOnly; SameSite=Lax$/)
  t.equal(attempts.find(`\u00a0${cookie}`, attempt.state), null, 'a name that only looks like it')
})

t.test('a browser keeps the newest eight attempts', async (t) => {
  const held: string[] = []
  for (let count = 0; count < 8; count++) {
    ahead += 1_000
    const { cookie, cookies } = begin(held.join('; '))
    t.equal(cookies.length, 1)
    held.push(cookie)
  }
  const { cookies } = begin(held.join('; '))
  t.equal(cookies.length, 2)
  t.match(cookies[0], `${held[0]!.split('=')[0]}=; Max-Age=0;`)
})

/** What leads back to the longest path at the host with the longest name. */
function longTarget(): string {
  let path = '/'
  while (safePath(`${path}a`) !== '/') path += 'a'
  const appHost = `${'a'.repeat(240)}.example.com`
  return createDesk({ secretBox, clock } as never).seal({ appHost, path, nonceHash: 'n'.repeat(43) })
}

t.test('a long return path does not make the cookie too long for browsers', async (t) => {
  const target = longTarget()
  const { attempt, cookie } = begin(undefined, target)
  t.ok(cookie.length <= 4_096, `${cookie.length} bytes`)
  t.equal(attempts.find(cookie, attempt.state)?.attempt.target, target)
})

t.test('B24 long return paths in many tabs do not make requests to the hub too large', async (t) => {
  const target = longTarget()
  const held = new Map<string, string>()
  for (let count = 0; count < 8; count++) {
    ahead += 1_000
    const { cookies } = begin([...held].map((pair) => pair.join('=')).join('; '), target)
    for (const line of cookies) {
      const [name = '', value = ''] = (line.split(';')[0] as string).split('=')
      if (value === '') held.delete(name)
      else held.set(name, value)
    }
  }
  const size = [...held].join().length
  t.ok(size < 17_000, `${size} bytes`)
  t.ok(held.size >= 3, 'the newest stay')
})
