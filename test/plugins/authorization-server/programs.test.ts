/** Programs with tokens: a whole hub, an agent, an app that shows what reaches it, and a program that is only HTTP. */
import t from 'tap'
import { authorize, startWorld, type Tokens } from './world.ts'

const world = await startWorld()
const { hub, received, person, resource } = world
const clientId = await world.client()
const alice = hub.visitor()
person('alice', 'staff')

const open = (name: string, headers: Readonly<Record<string, string>>, path = '/') =>
  hub.visitor().fetch(hub.appUrl(name) + path, { headers: { accept: 'application/json', ...headers } })
const bearer = ({ access_token }: Tokens) => ({ authorization: `Bearer ${access_token}` })

t.test('authorization code with PKCE: a bearer token opens the app that the person allowed', async (t) => {
  const tokens = await authorize(hub, alice, clientId, resource('one'))
  t.match(tokens.access_token, /^mezite_at_[\w-]{43}$/)
  t.match(tokens.refresh_token, /^mezite_rt_[\w-]{43}$/)
  t.match(tokens, { token_type: 'Bearer', scope: 'app' })
  t.ok(tokens.expires_in <= 3_600)
  const answer = await open('one', bearer(tokens))
  t.match(answer, { status: 200, text: 'for alice@example.com' })
  t.equal(received.at(-1)?.headers.authorization, undefined, 'the app never sees the token')
})
