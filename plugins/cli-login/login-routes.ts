import { html, type Pages, type PublicNames, type SignInDesk, type WebRoutes } from '@mezite/core'
import type { Authorities, CommandLogins } from '@mezite/core/identity'
import type { LoginCodes } from './login-codes.ts'
import { problemFor } from './reasons.ts'
import { texts } from './texts.ts'

type Request = Parameters<SignInDesk['sessionOf']>[0]
type Body = Parameters<Pages['render']>[0]['body']
type Words = (typeof texts)['en']

interface Ask {
  readonly challenge: string
  readonly redirectPort: number | null
  readonly host: string
  readonly program: string
  readonly showCode: boolean
  /** The connector to sign in with; null: for msh the one that opens apps, otherwise the person chooses. */
  readonly connector: string | null
}

const page = { config: { access: 'page' } } as const

/**
 * `/web/cli`: the page on which a signed-in person allows a command line; its code goes only to that machine's loopback.
 * `POST /v1/webapi/cli/token`: exchanges the code for a session, whose token `mezctl` uses as a bearer token.
 */
export function loginRoutes(deps: {
  readonly authorities: Pick<Authorities, 'bundle'>
  readonly codes: LoginCodes
  readonly logins: CommandLogins
  readonly desk: SignInDesk
  readonly pages: Pages
  readonly publicNames: PublicNames
}): WebRoutes {
  const { authorities, codes, logins, desk, pages, publicNames } = deps
  const languageOf = ({ headers }: Request) => pages.languageOf(headers['accept-language'])
  const render = (request: Request, user: string | null, title: string, body: Body) =>
    pages.render({
      title,
      body,
      language: languageOf(request),
      user: user === null ? null : { name: user, roles: [] },
    })

  return {
    name: 'cli-login',
    prefix: '',
    async routes(web) {
      // Public, because the guard would redirect to sign-in without the connector.
      web.get('/web/cli', { config: { access: 'public', rate: 'pages' } }, async (request, reply) => {
        const ask = readAsk(request.query)
        const session = await desk.sessionOf(request)
        // `login --auth` names a connector, and msh opens apps: a sign-in through another one is not enough.
        const connector = ask.connector ?? (ask.program === 'msh' ? publicNames.appsOidcConnector : null)
        if (!session || (connector !== null && session.connector !== connector)) {
          const query = new URLSearchParams({
            state: desk.seal({ appHost: null, path: request.url, nonceHash: null }),
            ...(connector === null ? {} : { connector }),
          })
          return reply.redirect(`${publicNames.signInOrigin}/web/login?${query}`, 303)
        }
        const words = texts[languageOf(request)]
        // The form leads to the program, which sends the browser to the hub's last page.
        const formTargets =
          ask.redirectPort === null ? [] : [`http://127.0.0.1:${ask.redirectPort}`, publicNames.hubOrigin]
        return reply.page(render(request, session.user, words.title, allowForm(words, ask, session.user)), {
          formTargets,
        })
      })

      web.post('/web/cli', page, async (request, reply) => {
        const ask = readAsk(request.body)
        const words = texts[languageOf(request)]
        const code = await codes.issue(ask.challenge, request.subject.sessionId ?? '')
        if (ask.redirectPort === null)
          return reply.page(
            render(request, request.subject.user, words.codeTitle, codeCard(words, ask, code)),
          )
        // `done`: the program sends the browser to the page below when it has redeemed the code.
        return reply.redirect(`http://127.0.0.1:${ask.redirectPort}/callback?code=${code}&done=1`, 303)
      })

      web.get('/web/cli/done', { config: { access: 'public', rate: 'pages' } }, async (request, reply) => {
        const session = await desk.sessionOf(request)
        const words = texts[languageOf(request)]
        const card = html`<div class="card"><h1>${words.done}</h1><p>${words.close}</p></div>`
        return reply.page(render(request, session?.user ?? null, words.done, card))
      })

      web.post('/v1/webapi/cli/token', { config: { access: 'public', rate: 'tokens' } }, async (request) => {
        const { code, verifier } = Object(request.body) as Record<string, unknown>
        const { session, token } = await logins.redeem({
          code,
          verifier,
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
          hub_ca: authorities.bundle('hub-ca').join('\n'),
        }
      })
    },
  }
}

function allowForm(words: Words, ask: Ask, user: string) {
  const fields = {
    challenge: ask.challenge,
    host: ask.host,
    program: ask.program,
    ...(ask.redirectPort === null ? {} : { redirect_port: String(ask.redirectPort) }),
    ...(ask.showCode ? { no_browser: '1' } : {}),
  }
  return html`<div class="card">
    <h1>${words.question(ask.program, ask.host)}</h1>
    <p>${words.actsAs[0]}<strong>${user}</strong>${words.actsAs[1]}</p>
    <p class="quiet">${words.onlyIf}</p>
    <form class="actions" method="post" action="/web/cli">
      ${Object.entries(fields).map(([name, value]) => html`<input type="hidden" name=${name} value=${value} />`)}
      <button>${words.allow}</button><a class="button plain" href="/">${words.cancel}</a>
    </form>
  </div>`
}

/** For a machine without a browser of its own. */
function codeCard(words: Words, { program }: Ask, code: string) {
  return html`<div class="card">
    <h1>${words.paste(program)}</h1>
    <span class="code">${code}</span>
    <p class="quiet">${words.once}</p>
  </div>`
}

function readAsk(given: unknown): Ask {
  const fields = Object(given) as Record<string, unknown>
  const text = (name: string) => (typeof fields[name] === 'string' ? fields[name] : '')
  const challenge = text('challenge')
  const port = Number(text('redirect_port') || Number.NaN)
  const showCode = text('no_browser') === '1'
  const validPort = Number.isInteger(port) && port >= 1_024 && port <= 65_535
  if (!/^[A-Za-z0-9_-]{43}$/.test(challenge) || (!showCode && !validPort)) {
    const detail = 'Part of the address is missing. Start the sign-in again in the terminal.'
    throw problemFor('bad_cli_login', detail, { title: 'This link is not complete' })
  }
  // The name is only shown. Control and bidirectional characters could make the sentence misleading.
  const host =
    text('host')
      .replace(/[^\x20-\x7e]/g, '?')
      .slice(0, 64) || 'an unnamed machine'
  const program = text('program') === 'mezctl' ? 'mezctl' : 'msh'
  const connector = text('connector') || null
  return { challenge, redirectPort: showCode ? null : port, host, program, showCode, connector }
}
