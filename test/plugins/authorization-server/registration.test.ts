// together: programs
/** Registration (RFC 7591) is off by default: what a program gets that registers nevertheless. */
import t from 'tap'
import { until } from '../../until.ts'
import { post, REDIRECT, startWorld } from './world.ts'

interface Recorded {
  readonly success: boolean
  readonly reason: string | null
}
const PATH = '/v1/oauth/register'
const METADATA = {
  client_name: 'Needs a registration',
  redirect_uris: [REDIRECT],
  token_endpoint_auth_method: 'none',
}

t.test(
  'a program that needs a registration gets a sentence about the other ways, and a record',
  async (t) => {
    const { hub } = await startWorld(t, { config: { registration: false } })
    const answer = await post(hub, PATH, METADATA, { origin: 'https://program.example' })
    t.equal(answer.status, 403)
    t.match(answer.headers['content-type'], /^application\/json/)
    t.match(answer.headers, { 'access-control-allow-origin': '*', 'cache-control': 'no-store' })
    const { error, error_description: description, ...rest } = JSON.parse(answer.text)
    t.equal(error, 'access_denied')
    t.strictSame(rest, {})
    t.match(description, /publishes its metadata/)
    t.match(description, /an operator makes a bot/)
    t.match(description, /"registration: true"/)
    t.match(description, /^[\x20-\x7e]+$/)
    await until(async () => {
      const events = await hub.api<Recorded[]>('GET', '/audit?type=client.registered&limit=50')
      return events.some(({ success, reason }) => !success && reason === 'registration_off')
    }, 'the record')
  },
)

t.test('it stays off: nothing is stored, read or advertised', async (t) => {
  const { hub } = await startWorld(t, { config: { registration: false } })
  for (const path of ['/.well-known/oauth-authorization-server', '/.well-known/openid-configuration']) {
    const { status, text } = await hub.visitor().fetch(hub.signInUrl + path)
    t.equal(status, 200)
    t.notOk('registration_endpoint' in JSON.parse(text), path)
    t.equal(JSON.parse(text).client_id_metadata_document_supported, true, path)
  }
  const bodies = [new URLSearchParams({ client_name: 'x' }), { redirect_uris: 7 }, METADATA]
  for (const body of bodies) t.equal((await post(hub, PATH, body)).status, 403)
  const preflight = await hub.visitor().fetch(hub.signInUrl + PATH, { method: 'OPTIONS' })
  t.equal(preflight.status, 204)
  t.equal((await hub.visitor().fetch(hub.signInUrl + PATH)).status, 405, 'GET')
  t.equal((await hub.visitor().fetch(`${hub.signInUrl}${PATH}/x`)).status, 404, 'another path')
  t.strictSame(await hub.api<unknown[]>('GET', '/clients'), [])
})
