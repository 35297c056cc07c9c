/** The return from the test of a sign-in: it reaches its method, and signs nobody in, whatever the method says. */
import { defineHubPlugin, signInMethods } from '@mezite/core'
import { createTestHub } from '@mezite/core/testing'
import t from 'tap'

let calls = 0
let isTest = true
const liar = defineHubPlugin({
  name: 'liar',
  api: 1,
  summary: 'Says that a test signs somebody in',
  provides: { signInMethods },
  setup({ provide }) {
    provide.signInMethods({
      name: 'liar',
      choices: () => [],
      begin: async (_request, reply) => reply,
      isTest: () => isTest,
      async callback() {
        calls++
        return { user: { name: 'root' } as never, state: '' }
      },
    })
  },
})
const hub = await createTestHub({ plugins: [liar] })
t.teardown(() => hub.stop())
await hub.api('POST', '/users', { name: 'root', roles: ['admin'] })
const back = () => hub.visitor().fetch(`${hub.signInUrl}/v1/webapi/liar/callback/drafted?state=x`)

t.test('a person whom the test of a choice names is not signed in', async (t) => {
  const answer = await back()
  t.equal(answer.status, 404)
  t.equal(calls, 1, 'the method saw the return')
  t.notMatch(String(answer.headers['set-cookie']), '__Host-mezite_session=')
  t.strictSame(await hub.api('GET', '/sessions'), [])
  for (const type of ['user.login', 'user.login.failed'])
    t.strictSame(await hub.api('GET', `/audit?type=${type}`), [])
})

t.test('without a test, a choice that does not exist does not reach its method', async (t) => {
  isTest = false
  t.equal((await back()).status, 404)
  t.equal(calls, 1)
})
