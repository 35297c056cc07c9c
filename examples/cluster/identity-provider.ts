/**
 * The example's OpenID provider: oidc-provider with one client and the users in `people.ts`. It asks for no password, so it
 * listens on loopback only.
 * Environment: REDIRECT_URI, POST_LOGOUT_URI, LOGOUT_URI, HUB_CA, CLIENT_SECRET, PORT (if it is
 * 0, missing or taken, a free one is used). It prints the port.
 */
import { generateKeyPairSync, randomBytes } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import Provider, { type Configuration } from 'oidc-provider'
import { loopbackFetch } from './loopback-fetch.ts'
import { people } from './people.ts'

const { PORT = '0', REDIRECT_URI, POST_LOGOUT_URI, LOGOUT_URI, HUB_CA, CLIENT_SECRET } = process.env
if (!REDIRECT_URI || !POST_LOGOUT_URI || !LOGOUT_URI || !HUB_CA || !CLIENT_SECRET) {
  throw new Error('REDIRECT_URI, POST_LOGOUT_URI, LOGOUT_URI, HUB_CA and CLIENT_SECRET must be set')
}

const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })

const configuration: Configuration = {
  clients: [
    {
      client_id: 'mezite',
      client_secret: CLIENT_SECRET,
      redirect_uris: [REDIRECT_URI],
      post_logout_redirect_uris: [POST_LOGOUT_URI],
      backchannel_logout_uri: LOGOUT_URI,
      backchannel_logout_session_required: true,
    },
  ],
  claims: { openid: ['sub'], email: ['email', 'email_verified'], profile: ['name'], groups: ['groups'] },
  scopes: ['openid', 'email', 'profile', 'groups'],
  conformIdTokenClaims: false,
  cookies: { keys: [randomBytes(32).toString('hex')] },
  jwks: { keys: [{ ...privateKey.export({ format: 'jwk' }), alg: 'RS256', use: 'sig', kid: 'example' }] },
  features: {
    devInteractions: { enabled: false },
    rpInitiatedLogout: { enabled: true },
    backchannelLogout: { enabled: true },
  },
  pkce: { required: () => true },
  // Logout tokens go to the hub on loopback, which the provider's own fetch refuses. The hub creates its certificate after
  // this program has started.
  fetch: (url, options) => loopbackFetch(readFileSync(HUB_CA, 'utf8'))(String(url), options as never),
  interactions: { url: (_ctx, interaction) => `/sign-in/${interaction.uid}` },
  findAccount: (_ctx, id) => {
    const person = people.find((candidate) => candidate.id === id)
    if (!person) return undefined
    const { name, email, groups } = person
    return {
      accountId: id,
      claims: () => ({ sub: id, name, email, email_verified: true, groups: [...groups] }),
    }
  },
  // No consent page: the only client belongs to the same organisation.
  loadExistingGrant: async (ctx) => {
    const grant = new ctx.oidc.provider.Grant({
      clientId: ctx.oidc.client!.clientId,
      accountId: ctx.oidc.session!.accountId!,
    })
    grant.addOIDCScope('openid email profile groups')
    await grant.save()
    return grant
  },
}

// The issuer depends on the port; no request arrives before the server listens.
const server = createServer()
const listen = (wanted: number) =>
  new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(wanted, '127.0.0.1', resolve)
  })
await listen(Number(PORT)).catch((error: NodeJS.ErrnoException) => {
  if (error.code !== 'EADDRINUSE') throw error
  return listen(0)
})
const { port } = server.address() as AddressInfo
const provider = new Provider(`http://127.0.0.1:${port}`, configuration)
const handle = provider.callback()
server.on('request', (request, response) => {
  route(request, response).catch((error: Error) => {
    process.stderr.write(`identity provider: ${error.message}\n`)
    if (!response.headersSent) response.writeHead(400, { 'content-type': 'text/plain' })
    response.end('That sign-in is over. Go back to the application and try again.\n')
  })
})

async function route(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const match = /^\/sign-in\/([\w-]+)(?:\/as\/(\w+))?$/.exec(request.url ?? '')
  if (!match) {
    await handle(request, response)
    return
  }
  const details = await provider.interactionDetails(request, response)
  const person = people.find((candidate) => candidate.id === match[2])
  if (request.method === 'POST' && person) {
    await provider.interactionFinished(request, response, { login: { accountId: person.id } })
    return
  }
  response.writeHead(200, { 'content-type': 'text/html; charset=utf-8', 'cache-control': 'no-store' })
  response.end(signInPage(details.uid))
}

function signInPage(uid: string): string {
  const buttons = people
    .map(
      (person) =>
        `<form method="post" action="/sign-in/${uid}/as/${person.id}"><button>${person.name}` +
        `<small>${person.email}</small></button></form>`,
    )
    .join('')
  return `<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>Example identity provider</title><style>
:root{color-scheme:light dark;font:16px/1.5 system-ui,sans-serif}
body{max-width:22rem;margin:12vh auto;padding:0 1rem}
button{width:100%;margin:.35rem 0;padding:.7rem 1rem;font:inherit;text-align:left;border:1px solid #8886;border-radius:.6rem;cursor:pointer;background:canvas;color:canvastext}
button:hover,button:focus-visible{border-color:#2563eb}small{display:block;opacity:.7}</style>
<h1>Who are you?</h1><p>The example's identity provider. It asks for no password.</p>${buttons}</html>`
}

process.stdout.write(`ready ${port}\n`)
process.on('SIGTERM', () => process.exit(0))
