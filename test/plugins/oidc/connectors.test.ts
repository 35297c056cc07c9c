// together: rooms
/** What an administrator is told about a connector that cannot work. */
import { FakeIssuer } from '@mezite/core/testing'
import t from 'tap'
import { unreachable, words } from '../../../plugins/oidc/providers.ts'
import { startSignInHost } from '../sign-in/sign-in-host.ts'

const host = await startSignInHost()
const issuer = await FakeIssuer.start()
const { spec } = issuer
const address = new URL(issuer.url).host
await issuer.close()
t.teardown(() => host.close())

t.test('the test of a connector reports which step failed if its provider is down', async (t) => {
  await host.connect('away', spec)
  const answer = await fetch(`${host.url}/v1/webapi/connectors/away/test`, { method: 'POST' })
  const { ok, checks } = (await answer.json()) as { ok: boolean; checks: object[] }
  t.equal(ok, false)
  t.match(checks, [
    { name: 'discovery', result: 'fail', detail: `fetch failed: connect ECONNREFUSED ${address}` },
  ])
})

t.test('an error lists each attempt when all addresses of a host were tried', (t) => {
  const attempts = new AggregateError([new Error('connect to ::1'), new Error('connect to 127.0.0.1')])
  const cause = new TypeError('fetch failed', { cause: attempts })
  t.equal(words(unreachable('sso', cause)), 'fetch failed: connect to ::1, connect to 127.0.0.1')
  t.end()
})

t.test('a change based on an outdated version is refused', async (t) => {
  const change = async (description: string, headers: Record<string, string>) => {
    const answer = await fetch(`${host.url}/v1/webapi/connectors/shared`, {
      method: 'PUT',
      headers: { 'content-type': 'application/json', ...headers },
      body: JSON.stringify({ kind: 'oidc', version: 'v1', metadata: { name: 'shared', description }, spec }),
    })
    const body = (await answer.json()) as { code?: string; resource?: { status: { etag: string } } }
    return { status: answer.status, code: body.code, etag: body.resource?.status.etag ?? '' }
  }
  const { etag } = await change('first', { 'if-none-match': '*' })
  t.match(etag, /^"[\w-]+"$/)
  t.equal((await change('theirs', { 'if-match': etag })).status, 200)
  t.match(await change('mine', { 'if-match': etag }), { status: 412, code: 'changed_meanwhile' })
  t.match(await change('mine', { 'if-none-match': '*' }), { status: 412, code: 'changed_meanwhile' })
  const { metadata } = await fetch(`${host.url}/v1/webapi/connectors/shared`).then(
    (answer) => answer.json() as Promise<{ metadata: object }>,
  )
  t.match(metadata, { description: 'theirs' })
})

t.test('a connector cannot have the reserved name of sign-ins by passkey', async (t) => {
  const { status, body } = await host.connect('passkey', spec)
  t.equal(status, 400)
  t.match(body.detail, 'metadata.name: must not be passkey')
})
