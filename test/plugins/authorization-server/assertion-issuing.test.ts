// together: programs
/** A program exchanges the person's ID token for an assertion (ID-JAG) that another authorization server takes. */
import { discoverAndRequestJwtAuthGrant } from '@modelcontextprotocol/client'
import { createRemoteJWKSet, customFetch, decodeJwt, decodeProtectedHeader, jwtVerify } from 'jose'
import t from 'tap'
import { loopbackFetch } from '../../../examples/cluster/loopback-fetch.ts'
import { createAuthorizationServer } from '../../../plugins/authorization-server/hub.ts'
import { until } from '../../until.ts'
import { startClient } from './enterprise-client.ts'
import { consent, proofKey, REDIRECT, startWorld, token } from './world.ts'

const THERE = 'https://auth.tickets.example'
const EXCHANGE = 'urn:ietf:params:oauth:grant-type:token-exchange'
const ID_JAG = 'urn:ietf:params:oauth:token-type:id-jag'
const ID_TOKEN = 'urn:ietf:params:oauth:token-type:id_token'
const client = await startClient(t)
const world = await startWorld(t, {
  plugin: createAuthorizationServer({ accepts: () => true, ca: client.ca }),
  config: {
    metadata_ports: [client.port],
    assertions: [
      {
        audience: THERE,
        client_ids: [client.id, client.publicId],
        roles: ['helpers'],
        scopes: ['read', 'write'],
      },
    ],
  },
  roles: { helpers: {} },
})
const { hub, resource } = world

/** The person lets the program in, and it gets an ID token. */
async function signIn(name: string, groups: readonly string[], id: string = client.id): Promise<string> {
  world.person(name, ...groups)
  const { verifier, challenge } = proofKey()
  const asked = { client_id: id, scope: 'openid app', resource: resource('one'), code_challenge: challenge }
  const target = (await consent(hub, hub.visitor(), asked)) as URL
  const proof = id === client.publicId ? { client_id: id } : await client.proof(hub.signInUrl, id)
  const answer = await token(hub, {
    grant_type: 'authorization_code',
    code: target.searchParams.get('code') ?? '',
    redirect_uri: REDIRECT,
    code_verifier: verifier,
    ...proof,
  })
  const { id_token: idToken } = JSON.parse(answer.text) as { id_token?: string }
  if (idToken === undefined) throw new Error(answer.text)
  return idToken
}
async function exchange(subject: string, more: Readonly<Record<string, string>> = {}, proof?: object) {
  const answer = await token(hub, {
    grant_type: EXCHANGE,
    requested_token_type: ID_JAG,
    audience: THERE,
    subject_token: subject,
    subject_token_type: ID_TOKEN,
    ...(proof ?? (await client.proof(hub.signInUrl))),
    ...more,
  })
  const body = JSON.parse(answer.text) as Readonly<Record<string, string>>
  return { status: answer.status, error: body.error, body }
}

const ana = await signIn('ana', ['staff', 'helpers'])

t.test(
  'the assertion names the person, the program and the other server, and lives five minutes',
  async (t) => {
    const asked = { scope: 'read', resource: 'https://tickets.example/mcp' }
    const { status, body } = await exchange(ana, asked)
    t.equal(status, 200, JSON.stringify(body))
    t.match(body, { issued_token_type: ID_JAG, token_type: 'N_A', expires_in: 300, scope: 'read' })
    t.notOk('refresh_token' in body)
    const published = createRemoteJWKSet(new URL('/v1/oauth/keys', hub.signInUrl), {
      [customFetch]: loopbackFetch(hub.ca) as never,
    })
    const { payload } = await jwtVerify(body.access_token ?? '', published, {
      typ: 'oauth-id-jag+jwt',
      issuer: hub.signInUrl,
      audience: THERE,
      requiredClaims: ['jti', 'iat', 'exp'],
    })
    t.match(payload, { sub: decodeJwt(ana).sub, client_id: client.id, ...asked })
    t.equal((payload.exp ?? 0) - (payload.iat ?? 0), 300)
    t.match(decodeProtectedHeader(body.access_token ?? ''), { alg: 'RS256' })
    await until(async () => {
      const events = await hub.api<{ kind?: string; name?: string; user: string }[]>(
        'GET',
        '/audit?type=token.issued',
      )
      return events.some(
        ({ kind, name, user }) => kind === 'id_jag' && name === THERE && user === 'ana@example.com',
      )
    }, 'the record')
    const { text } = await hub.visitor().fetch(`${hub.signInUrl}/.well-known/oauth-authorization-server`)
    t.strictSame(JSON.parse(text).identity_chaining_requested_token_types_supported, [ID_JAG])
  },
)

t.test('the official MCP SDK finds the token endpoint, and gets an assertion', async (t) => {
  const secure = loopbackFetch(hub.ca) as never as typeof globalThis.fetch
  const result = await discoverAndRequestJwtAuthGrant({
    idpUrl: hub.signInUrl,
    audience: THERE,
    resource: 'https://tickets.example/mcp',
    scope: 'read write',
    idToken: ana,
    clientId: client.id,
    // The SDK knows secrets alone: the program adds the proof of its key.
    async fetchFn(url, options) {
      if (options?.method !== 'POST') return secure(url, options)
      const form = new URLSearchParams(String(options.body))
      for (const [name, value] of Object.entries(await client.proof(hub.signInUrl))) form.set(name, value)
      return secure(url, { ...options, body: form.toString() })
    },
  })
  t.match(result, { expiresIn: 300, scope: 'read write' })
  t.match(decodeJwt(result.jwtAuthGrant), { aud: THERE, client_id: client.id, scope: 'read write' })
})

t.test('S303 an assertion for another server, scope, program or person is refused', async (t) => {
  const [head, , signature] = ana.split('.') as [string, string, string]
  const changed = Buffer.from(JSON.stringify({ ...decodeJwt(ana), sub: 'x' })).toString('base64url')
  const theirs = (await exchange(ana)).body.access_token ?? ''
  const bob = await signIn('bob', ['staff'])
  const foreign = await signIn('ana', ['staff', 'helpers'], client.otherId)
  const publicly = await signIn('ana', ['staff', 'helpers'], client.publicId)
  for (const [what, subject, more, error] of [
    ['another server', ana, { audience: 'https://other.example' }, 'invalid_target'],
    ['another spelling', ana, { audience: `${THERE}/` }, 'invalid_target'],
    ['another scope', ana, { scope: 'read admin' }, 'invalid_scope'],
    ['a resource in clear', ana, { resource: 'http://tickets.example/' }, 'invalid_target'],
    ['a person without the role', bob, {}, 'invalid_target'],
    ['the ID token of another program', foreign, {}, 'invalid_grant'],
    ['an assertion as ID token', theirs, {}, 'invalid_grant'],
    ['a changed ID token', `${head}.${changed}.${signature}`, {}, 'invalid_grant'],
    ['no ID token', 'x', {}, 'invalid_grant'],
    [
      'an access token',
      ana,
      { subject_token_type: 'urn:ietf:params:oauth:token-type:access_token' },
      'invalid_request',
    ],
    ['another kind of token', ana, { requested_token_type: ID_TOKEN }, 'invalid_request'],
  ] as const) {
    const given = await exchange(subject, more)
    t.strictSame({ status: given.status, error: given.error }, { status: 400, error }, what)
    t.notOk('access_token' in given.body, what)
  }
  const unnamed = await exchange(foreign, {}, await client.proof(hub.signInUrl, client.otherId))
  t.match(unnamed, { status: 400, error: 'invalid_client' }, 'a program that no rule names')
  const open = await exchange(publicly, {}, { client_id: client.publicId })
  t.match(open, { status: 400, error: 'invalid_request' }, 'a program without a key')
})

t.test('S303 nobody who is locked, lost the role or ended the program is vouched for', async (t) => {
  const cara = await signIn('cara', ['staff', 'helpers'])
  t.match(await exchange(cara), { status: 200 })
  const { id } = await hub.api<{ id: string }>('POST', '/locks', { target: { user: 'cara@example.com' } })
  t.match(await exchange(cara), { status: 400, error: 'invalid_grant' }, 'locked')
  await hub.api('DELETE', `/locks/${id}`)
  t.match(await exchange(cara), { status: 200 })
  world.person('cara', 'staff')
  await hub.visitor().open(`${hub.signInUrl}/web/account`)
  t.match(await exchange(cara), { status: 400, error: 'invalid_target' }, 'without the role')
  await signIn('cara', ['staff', 'helpers'])
  await hub.api('POST', '/clients/remove', { client_id: client.id })
  t.match(await exchange(cara), { status: 400, error: 'invalid_grant' }, 'the consent has ended')
  const dan = await signIn('dan', ['staff', 'helpers'])
  await hub.api('DELETE', '/users/dan@example.com')
  t.match(await exchange(dan), { status: 400, error: 'invalid_grant' }, 'removed')
})
