import { createHash, randomBytes } from 'node:crypto'
import {
  database,
  defineHubPlugin,
  html,
  messageOf,
  migrations,
  Problem,
  pages,
  publicNames,
  SignInFailure,
  signInMethods,
  Type,
  users,
  webRoutes,
} from '@mezite/core'
import { readCookie } from '@mezite/core/identity'
import { createTransport } from 'nodemailer'
import { createLinks, LINK_MS, linkMigrations } from './links.ts'

const COOKIE = '__Host-magic-link'
const PAGE = '/web/magic-link'
const ADDRESS = '^[^\\s@<>"(),:;]+@[^\\s@<>"(),:;]+$'
const closed = { additionalProperties: false } as const
const Form = Type.Object(
  { address: Type.String({ maxLength: 254 }), state: Type.String({ maxLength: 4_096 }) },
  closed,
)
const hash = (text: string) => createHash('sha256').update(text).digest('hex')

/**
 * Signs people in with a link by e-mail. A link works once, for ten minutes, and only in the browser that asked for it: so a
 * program that opens links in mails to look for malware neither signs in nor uses the link up.
 */
export default defineHubPlugin({
  name: 'magic-link',
  api: 1,
  summary: 'Signs people in with a link by e-mail',
  config: Type.Object(
    {
      smtp: Type.String({ pattern: '^smtps?://', description: 'URL of the SMTP server' }),
      from: Type.String({ pattern: ADDRESS, description: 'Address of the sender' }),
      pause: Type.Duration({ default: '1m', min: '1ms', description: 'Least time between two mails to one' }),
      /** Roles of the people who may sign in, by their addresses in small letters. */
      people: Type.Object({}, { additionalProperties: Type.Array(Type.String()) }),
    },
    closed,
  ),
  needs: { database, pages, publicNames, users },
  provides: { migrations, signInMethods, webRoutes },
  setup({ config, clock, log, use, provide }) {
    const people = new Map(Object.entries(config.people))
    const links = createLinks(use.database, clock, config.pause)
    const mailer = createTransport({ url: config.smtp, disableFileAccess: true, disableUrlAccess: true })
    const page = (body: ReturnType<typeof html>) =>
      use.pages.render({ title: 'Sign in by e-mail', body: html`<h1>Sign in by e-mail</h1>${body}` })

    provide.migrations(linkMigrations)
    provide.signInMethods({
      name: 'magic-link',
      choices: () => [{ id: 'email', title: 'a link by e-mail' }],
      begin: (_request, reply, { state }) =>
        reply.page(
          page(html`<form method="post" action=${PAGE}>
            <input type="hidden" name="state" value=${state} />
            <label>E-mail <input type="email" name="address" required maxlength="254" /></label>
            <div class="actions"><button>Send the link</button></div>
          </form>`),
        ),
      async callback(request, _reply, choice) {
        const code = new URL(request.url, 'https://hub').searchParams.get('code') ?? ''
        const browser = readCookie(request.headers.cookie, COOKIE) ?? ''
        const link = await links.spend(hash(code), hash(browser))
        const roles = link && people.get(link.address)
        if (!link || !roles) {
          const text =
            'The link has been used, is too old, or belongs to another browser. Ask for another one.'
          // Anyone can open such an address.
          throw new SignInFailure(403, 'link_invalid', text, { recorded: false })
        }
        const { address, state } = link
        const identity = { issuer: 'magic-link', sub: address, connector: choice }
        return { user: await use.users.signIn({ ...identity, name: address, mappedRoles: roles }), state }
      },
    })

    async function send(address: string, state: string, browser: string): Promise<void> {
      const code = randomBytes(32).toString('base64url')
      if (!people.has(address)) return
      if (!(await links.add({ address, state, code: hash(code), browser: hash(browser) }))) return
      const link = `${use.publicNames.signInOrigin}/v1/webapi/magic-link/callback/email?code=${code}`
      await mailer.sendMail({
        ...{ from: config.from, to: address, subject: `Sign in to ${use.publicNames.clusterName}` },
        text: `Open this link within ${LINK_MS / 60_000} minutes, in the browser in which you asked for it:\n\n${link}\n`,
      })
    }

    provide.webRoutes({
      name: 'magic-link',
      prefix: PAGE,
      async routes(web) {
        web.post<{ Body: { address: string; state: string } }>(
          '/',
          { config: { access: 'public' }, schema: { body: Form } },
          async ({ body, headers: { origin } }, reply) => {
            if (origin !== use.publicNames.signInOrigin)
              throw new Problem(403, 'origin_denied', 'Begin at the page about signing in.')
            const browser = randomBytes(32).toString('base64url')
            // Nobody waits for it: the time would tell who may sign in.
            send(body.address.trim().toLowerCase(), body.state, browser).catch((error) =>
              log.error({ cause: messageOf(error) }, 'a link for a sign-in was not sent'),
            )
            const rest = `Path=/; Secure; HttpOnly; SameSite=Lax; Max-Age=${LINK_MS / 1_000}`
            reply.header('set-cookie', `${COOKIE}=${browser}; ${rest}`)
            return reply.page(page(html`<p>If you may sign in, a link is on its way to you.</p>`))
          },
        )
      },
    })
  },
})
