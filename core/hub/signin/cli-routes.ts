import type { FastifyInstance } from 'fastify'
import type { CommandLogins } from '../../api/command-logins.ts'
import { Problem } from '../../api/problem.ts'
import type { SignInDesk } from '../../api/sign-in.ts'
import { contentSecurityPolicy } from '../api-server/security-headers.ts'
import { launch } from './app-launch.ts'
import type { CliCodes } from './cli-codes.ts'
import { fieldOf } from './form.ts'
import { hubSessionOf } from './hub-cookie.ts'
import { requireOwnOrigin } from './page-routes.ts'
import type { SignInParts } from './sign-in-deps.ts'
import { sendPage } from './sign-in-desk.ts'

const page = { config: { access: 'public' } } as const

interface CliAsk {
  readonly challenge: string
  readonly redirectPort: number | null
  readonly host: string
  readonly program: string
  readonly showCode: boolean
  /** The connector to sign in through; null leaves the choice to the person. */
  readonly connector: string | null
}

/** The page on which a signed-in person allows a command line; its code goes to that machine's loopback only. */
export function cliPageRoutes(app: FastifyInstance, parts: SignInParts, desk: SignInDesk, codes: CliCodes) {
  const { sessions, pages } = parts

  app.get('/web/cli', page, async (request, reply) => {
    const ask = readAsk(request.query)
    const session = await hubSessionOf(request, sessions)
    // A sign-in through another connector does not count where `login --auth` names one.
    if (!session || (ask.connector !== null && session.connector !== ask.connector)) {
      const back = { appHost: null, path: request.url, nonceHash: null }
      return launch(parts, desk, request, reply, back, ask.connector)
    }
    const targets = ask.redirectPort === null ? [] : [`http://127.0.0.1:${ask.redirectPort}`]
    reply.header('content-security-policy', contentSecurityPolicy(targets))
    const fields = {
      challenge: ask.challenge,
      host: ask.host,
      program: ask.program,
      ...(ask.redirectPort === null ? {} : { redirect_port: String(ask.redirectPort) }),
      ...(ask.showCode ? { no_browser: '1' } : {}),
    }
    return sendPage(
      reply,
      pages.cliAsk({ program: ask.program, machine: ask.host, user: session.user, fields }),
    )
  })

  app.post('/web/cli', page, async (request, reply) => {
    requireOwnOrigin(parts, request)
    const ask = readAsk(request.body)
    const session = await hubSessionOf(request, sessions)
    if (!session) throw new Problem(401, 'login_required', 'Your session has ended. Start the sign-in again.')
    const code = await codes.issue(ask.challenge, session.id)
    if (ask.redirectPort === null) return sendPage(reply, pages.cliCode(ask.program, code))
    return reply.redirect(`http://127.0.0.1:${ask.redirectPort}/callback?code=${code}`, 303)
  })
}

/** Exchanges the code of the page for a session of its own, used as a bearer token. */
export function cliTokenRoute(
  app: FastifyInstance,
  { publicNames, hubCa }: Pick<SignInParts, 'publicNames' | 'hubCa'>,
  logins: CommandLogins,
) {
  app.post('/v1/webapi/cli/token', { config: { access: 'public', rate: 'tokens' } }, async (request) => {
    const { session, token } = await logins.redeem({
      code: fieldOf(request.body, 'code'),
      verifier: fieldOf(request.body, 'verifier'),
      kind: 'hub',
      method: 'cli',
      clientIp: request.clientIp,
      requestId: request.id,
    })
    return {
      token,
      expires: new Date(session.expires).toISOString(),
      user: session.user,
      cluster: publicNames.clusterName,
      hub_ca: hubCa(),
    }
  })
}

function readAsk(fields: unknown): CliAsk {
  const challenge = fieldOf(fields, 'challenge') ?? ''
  const port = Number(fieldOf(fields, 'redirect_port') ?? Number.NaN)
  const showCode = fieldOf(fields, 'no_browser') === '1'
  const validPort = Number.isInteger(port) && port >= 1_024 && port <= 65_535
  if (!/^[A-Za-z0-9_-]{43}$/.test(challenge) || (!showCode && !validPort)) {
    throw new Problem(
      400,
      'bad_cli_login',
      'Part of the address is missing. Start the sign-in again in the terminal.',
    )
  }
  // The name is only shown. Control and bidirectional characters could make the sentence lie.
  const host =
    (fieldOf(fields, 'host') ?? '').replace(/[^\x20-\x7e]/g, '?').slice(0, 64) || 'an unnamed machine'
  const program = fieldOf(fields, 'program') === 'mezctl' ? 'mezctl' : 'msh'
  const connector = fieldOf(fields, 'connector') || null
  return { challenge, redirectPort: showCode ? null : port, host, program, showCode, connector }
}
