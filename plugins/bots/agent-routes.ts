import type { Pages, PublicNames, Subject, WebRoutes } from '@mezite/core'
import type { Confirmations } from '@mezite/core/identity'
import { accountSection, addForm, consentForm, PATH, ROLE, secretPage } from './agent-pages.ts'
import { texts } from './agent-texts.ts'
import type { Agents, NewAgent } from './agents.ts'
import { problemFor } from './reasons.ts'

const page = { config: { access: 'page' } } as const
type Named = { Params: { name: string } }

/** `/web/agents`, and the section of "My account". */
export function agentRoutes(deps: {
  readonly agents: Agents
  readonly pages: Pages
  readonly confirmations: Confirmations | undefined
  readonly publicNames: Pick<PublicNames, 'signInOrigin'>
}): WebRoutes {
  const { agents, pages, confirmations, publicNames } = deps
  const languageOf = (headers: { readonly 'accept-language'?: string | undefined }) =>
    pages.languageOf(headers['accept-language'])
  const userOf = ({ user, roles }: Subject) => ({ name: user, roles })

  /** The browser goes through the confirmation, and comes back to the path. */
  function confirmed(path: string): string {
    if (confirmations === undefined) throw problemFor('bot_not_yours')
    return publicNames.signInOrigin + confirmations.pathTo(path)
  }

  return {
    name: 'bots-agents',
    prefix: PATH,
    async routes(web) {
      web.get('/new', page, async ({ subject, headers, query }, reply) => {
        const language = languageOf(headers)
        const words = texts[language]
        const body = addForm(words, agents.rolesFor(subject.user), formOf(query))
        return reply.page(pages.render({ title: words.add, body, language, user: userOf(subject) }))
      })

      web.post('/', page, async ({ actor, subject, headers, body: sent }, reply) => {
        const form = formOf(sent)
        const language = languageOf(headers)
        const back = new URLSearchParams([
          ['name', form.name],
          ...form.roles.map((role) => [ROLE + role, 'on']),
        ])
        const path = confirmed(`${PATH}/new?${back}`.slice(0, MOST_PATH))
        const made = await agents.create(form, actor)
        if (made === null) return reply.redirect(path, 303)
        const words = texts[language]
        const title = words.shown.title(made.name)
        const body = secretPage(words, made)
        return reply.page(pages.render({ title, body, language, user: userOf(subject) }))
      })

      web.get<Named>('/:name', page, async ({ subject, headers, params }, reply) => {
        const language = languageOf(headers)
        const words = texts[language]
        const bot = agents.one(params.name, subject.user)
        if (bot.agent?.holder != null) return reply.redirect('/web/account#agents', 303)
        const body = consentForm(words, bot, agents.seenOf(bot))
        const title = words.ask.title(bot.name)
        return reply.page(pages.render({ title, body, language, user: userOf(subject) }))
      })

      web.post<Named>('/:name/consent', page, async ({ actor, params: { name }, body }, reply) => {
        const path = confirmed(`${PATH}/${encodeURIComponent(name)}`)
        const agreed = await agents.consent(name, textOf(body, 'seen'), actor)
        return reply.redirect(agreed === null ? path : '/web/account#agents', 303)
      })

      web.post<Named>('/:name/secret', page, async ({ actor, subject, headers, params }, reply) => {
        const path = confirmed('/web/account')
        const language = languageOf(headers)
        const made = await agents.renew(params.name, actor)
        if (made === null) return reply.redirect(path, 303)
        const words = texts[language]
        const title = words.shown.title(made.name)
        const body = secretPage(words, made)
        return reply.page(pages.render({ title, body, language, user: userOf(subject) }))
      })

      web.post<Named>('/:name/remove', page, async ({ actor, params }, reply) => {
        await agents.end(params.name, actor)
        return reply.redirect('/web/account#agents', 303)
      })
    },
    async account({ headers }, session) {
      // Without passkeys nobody can agree.
      if (confirmations === undefined) return null
      const body = accountSection(texts[languageOf(headers)], agents.ofUser(session.user))
      return { body, scripts: [] }
    },
  }
}

/** What the page of the confirmation takes as its target. */
const MOST_PATH = 1_900

const membersOf = (given: unknown): Readonly<Record<string, unknown>> =>
  typeof given === 'object' && given !== null ? { ...given } : {}

function textOf(given: unknown, name: string): string {
  const value = membersOf(given)[name]
  return typeof value === 'string' ? value : ''
}

/** A field of a form occurs once, so that each role has its own. */
function formOf(given: unknown): NewAgent {
  const roles = Object.keys(membersOf(given)).flatMap((name) =>
    name.startsWith(ROLE) ? [name.slice(ROLE.length)] : [],
  )
  return { name: textOf(given, 'name').trim(), roles }
}
