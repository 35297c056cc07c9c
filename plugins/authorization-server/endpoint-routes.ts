import type { ServerResponse } from 'node:http'
import type { Audit, PublicNames, SignInDesk, WebRoutes } from '@mezite/core'
import { readTokenRequest } from './bot-proofs.ts'
import type { RevokeOfBot } from './bot-revocations.ts'
import { problemFor } from './reasons.ts'
import type { Server } from './server.ts'

type Request = Parameters<SignInDesk['sessionOf']>[0]
type Methods = readonly ('GET' | 'POST' | 'OPTIONS')[]

/** Below the issuer. `person`: the endpoint reads cookies, so it belongs to the pages of the sign-in host. */
interface Endpoint {
  readonly path: string
  readonly methods: Methods
  readonly person?: boolean
  readonly rate: 'tokens' | 'keys' | 'sign_in'
}

/** The library's endpoints that the hub serves; requests to others never reach the library. */
export const ROUTES = {
  authorization: '/v1/oauth/authorize',
  token: '/v1/oauth/token',
  jwks: '/v1/oauth/keys',
  revocation: '/v1/oauth/revoke',
  introspection: '/v1/oauth/introspect',
  userinfo: '/v1/oauth/userinfo',
  registration: '/v1/oauth/register',
  device_authorization: '/v1/oauth/device_authorization',
  code_verification: '/v1/oauth/device',
} as const

const DEVICE_RESUMES = `${ROUTES.code_verification}/:uid`
const POST: Methods = ['POST', 'OPTIONS']
const GET: Methods = ['GET', 'OPTIONS']
const ENDPOINTS: readonly Endpoint[] = [
  { path: '/.well-known/openid-configuration', methods: GET, rate: 'keys' },
  { path: '/.well-known/oauth-authorization-server', methods: GET, rate: 'keys' },
  { path: ROUTES.jwks, methods: GET, rate: 'keys' },
  { path: ROUTES.token, methods: POST, rate: 'tokens' },
  { path: ROUTES.revocation, methods: POST, rate: 'tokens' },
  { path: ROUTES.introspection, methods: POST, rate: 'tokens' },
  { path: ROUTES.userinfo, methods: ['GET', 'POST', 'OPTIONS'], rate: 'tokens' },
  { path: ROUTES.device_authorization, methods: POST, rate: 'sign_in' },
  { path: ROUTES.authorization, methods: ['GET'], person: true, rate: 'sign_in' },
  { path: `${ROUTES.authorization}/:uid`, methods: ['GET'], person: true, rate: 'sign_in' },
  { path: ROUTES.code_verification, methods: ['GET', 'POST'] as Methods, person: true, rate: 'sign_in' },
  { path: DEVICE_RESUMES, methods: ['GET'], person: true, rate: 'sign_in' },
  // Also while it is off: a program that registers nevertheless gets a sentence instead of a 404.
  { path: ROUTES.registration, methods: POST, rate: 'sign_in' },
]
/** As of RFC 7591 section 3.2.2. The metadata of the server does not name the endpoint while registration is off. */
const REGISTRATION_OFF = {
  error: 'access_denied',
  error_description:
    'Programs cannot register themselves at this hub. A program that publishes its metadata has the https URL of it as client_id and needs no registration. For a job without a person, an operator makes a bot. For any other program, an operator sets "registration: true" for the plugin authorization-server.',
}
/** Endpoints at which bots present themselves. */
const READ: readonly string[] = [ROUTES.token, ROUTES.revocation]
const PREFLIGHT = {
  'access-control-allow-origin': '*',
  'access-control-allow-methods': 'POST',
  'access-control-allow-headers': 'content-type',
  'access-control-max-age': '3600',
}

/**
 * Headers of the library's own responses; it sends none of them, and the hub's own do not apply to what it sends. Browsers
 * send `Origin` with forms only if the page may have a referrer on its own host.
 */
const OWN_HEADERS = {
  'content-security-policy':
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'",
  'cache-control': 'no-store',
  'referrer-policy': 'same-origin',
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'DENY',
} as const

/** Serves the endpoints of the library on the sign-in host. */
export function endpointRoutes(options: {
  readonly server: () => Server
  readonly desk: Pick<SignInDesk, 'sessionOf' | 'seal'>
  readonly publicNames: Pick<PublicNames, 'hubOrigin' | 'signInOrigin' | 'hsts'>
  /** Whether programs may register themselves. */
  readonly registration: boolean
  readonly audit: Pick<Audit, 'record'>
  /** Ends a token that a bot names. Resolves to the error of RFC 6749; null: done. */
  readonly revokeOfBot: RevokeOfBot
}): WebRoutes {
  const { server, desk, publicNames, registration, audit, revokeOfBot } = options
  const { host } = new URL(publicNames.signInOrigin)
  const { signInOrigin, hubOrigin } = publicNames
  const audiences = [...new Set([signInOrigin, signInOrigin + ROUTES.token, hubOrigin])]

  /** Also for names of the hub that are not the issuer's: metadata at another origin would name a wrong issuer. */
  function requireIssuer({ headers }: Request): void {
    if ((headers[':authority'] ?? headers.host) === host) return
    throw problemFor('wrong_host', `Programs sign in at ${publicNames.signInOrigin} only.`)
  }

  return {
    name: 'authorization-server',
    prefix: '',
    async routes(web) {
      // The library reads bodies itself, at most 56 KiB.
      web.removeAllContentTypeParsers()
      web.addContentTypeParser('*', (_request, _payload, done) => done(null))
      for (const { path, methods, person = false, rate } of ENDPOINTS)
        web.route({
          method: [...methods],
          url: path,
          exposeHeadRoute: false,
          config: { access: 'public', rate, ...(person ? {} : { anyOrigin: true }) },
          async handler(request, reply) {
            requireIssuer(request)
            const hubSession = person ? await desk.sessionOf(request) : undefined
            const code = path === ROUTES.code_verification ? takeUserCode(request) : {}
            if (hubSession === undefined && needsPerson(path, request)) {
              const back = `${ROUTES.code_verification}${code.userCode ? `?user_code=${encodeURIComponent(code.userCode)}` : ''}`
              const state = desk.seal({
                appHost: null,
                nonceHash: null,
                path: path === ROUTES.authorization ? request.url : back,
              })
              return reply.redirect(
                `${publicNames.signInOrigin}/web/login?${new URLSearchParams({ state })}`,
                303,
              )
            }
            const { raw, bot, grant, token } =
              READ.includes(path) && request.method === 'POST'
                ? await readTokenRequest(request.raw, audiences)
                : { raw: request.raw, bot: null, grant: '', token: '' }
            if (bot !== null && path === ROUTES.revocation) {
              reply.header('cache-control', 'no-store')
              const refused = await revokeOfBot({
                bot,
                token,
                clientIp: request.clientIp,
                requestId: request.id,
              })
              return refused === null ? reply.code(200).send() : reply.code(401).send(refused)
            }
            if (path === ROUTES.registration) {
              // Programs in browsers register too, and nothing of the person is sent with it.
              reply.raw.setHeader('access-control-allow-origin', '*')
              if (request.method === 'OPTIONS') return reply.headers(PREFLIGHT).code(204).send()
              if (!registration) {
                audit.record({
                  type: 'client.registered',
                  success: false,
                  reason: 'registration_off',
                  clientIp: request.clientIp,
                  requestId: request.id,
                  fields: { step: 'registration', detail: null },
                })
                return reply.header('cache-control', 'no-store').code(403).send(REGISTRATION_OFF)
              }
            }
            reply.hijack()
            protect(reply.raw, publicNames.hsts === true)
            reply.raw.setHeader('x-request-id', request.id)
            const call = {
              clientIp: request.clientIp,
              requestId: request.id,
              hubSession,
              request,
              ...code,
              grant,
              ...(bot && { bot }),
            }
            await server().serve(raw, reply.raw, call)
          },
        })
    },
  }
}

/**
 * Only people who have signed in may try codes of devices, and make the hub fetch the metadata of a program: strangers could
 * guess the former, and use the latter to reach other servers.
 */
function needsPerson(path: string, { query }: Request): boolean {
  if (path === ROUTES.code_verification || path === DEVICE_RESUMES) return true
  const { client_id: clientId } = Object(query) as { client_id?: unknown }
  return path === ROUTES.authorization && /^https:/i.test(String(clientId))
}

/**
 * Takes the code out of the address: with one, the library would answer with a page that submits itself by a script, which
 * the policy of the hub's pages forbids.
 */
function takeUserCode({ method, raw, query }: Request): { readonly userCode?: string } {
  const { user_code: given } = Object(query) as { user_code?: unknown }
  if (method !== 'GET') return {}
  raw.url = ROUTES.code_verification
  return typeof given === 'string' ? { userCode: given.slice(0, 16) } : {}
}

/** Adds our headers to whatever the library sends, its errors included. */
function protect(response: ServerResponse, hsts: boolean): void {
  for (const [name, value] of Object.entries(OWN_HEADERS)) response.setHeader(name, value)
  const { writeHead } = response
  response.writeHead = ((...args: Parameters<typeof writeHead>) => {
    for (const [name, value] of Object.entries(OWN_HEADERS))
      if (!response.hasHeader(name)) response.setHeader(name, value)
    if (hsts) response.setHeader('strict-transport-security', 'max-age=31536000')
    return writeHead.apply(response, args)
  }) as typeof writeHead
}
