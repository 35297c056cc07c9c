import { type App, html, type Pages, type SignInDesk } from '@mezite/core'
import type { Program } from './program-name.ts'
import { type Texts, texts } from './texts.ts'

type Request = Parameters<SignInDesk['sessionOf']>[0]
type Reply = Parameters<SignInDesk['complete']>[1]

export interface ConsentPages {
  /** Asks the person whether the program may have what it asks for. */
  consent(
    request: Request,
    reply: Reply,
    view: {
      readonly action: string
      readonly program: Program
      readonly apps: readonly App[]
      readonly scopes: readonly string[]
      /** Milliseconds since the epoch. */
      readonly until: number
      readonly met: readonly string[]
    },
  ): Reply
  /** Leads back to the program. No form leads there: browsers would hold the redirect against the page's `form-action`. */
  forward(request: Request, reply: Reply, view: { readonly program: Program; readonly to: string }): Reply
}

/** The pages on which a person lets a program in. */
export function createConsentPages(pages: Pick<Pages, 'render' | 'languageOf'>): ConsentPages {
  const languageOf = ({ headers }: Request) => pages.languageOf(headers['accept-language'])
  const userOf = ({ subject: { user, roles } }: Request) => ({ name: user, roles })

  return {
    consent(request, reply, { action, program, apps, scopes, until, met }) {
      const language = languageOf(request)
      const words = texts[language]
      const time = html`<time datetime=${new Date(until).toISOString()}>${new Date(until).toUTCString()}</time>`
      const body = html`<div class="card">
        <h1>${words.question(program.name)}</h1>
        <p>${knownBy(words, program)}</p>
        ${
          apps.length > 0
            ? html`<p>${words.actsAs[0]}<strong>${request.subject.user}</strong>${words.actsAs[1]}</p>
              <ul>${apps.map(({ name, display }) => html`<li>${display?.name ?? name}</li>`)}</ul>`
            : null
        }
        ${scopes.includes('openid') ? html`<p>${words.learns}</p>` : null}
        <p class="quiet">${words.lasts[0]}${time}${words.lasts[1]}</p>
        <p class="quiet">${words.onlyIf}</p>
        <form method="post" action=${action}>
          ${met.map((one) => html`<input type="hidden" name="met" value=${one} />`)}
          <div class="actions">
            <button name="decision" value="allow">${words.allow}</button>
            <button class="plain" name="decision" value="deny">${words.deny}</button>
          </div>
        </form>
      </div>`
      return reply.page(pages.render({ title: words.title, body, language, user: userOf(request) }))
    },

    forward(request, reply, { program, to }) {
      const language = languageOf(request)
      const words = texts[language]
      const body = html`<div class="card">
        <h1>${words.returning(program.name)}</h1>
        <p><a href=${to}>${words.continue}</a></p>
      </div>`
      return reply.page(
        pages.render({
          title: words.title,
          body,
          language,
          forwardTo: to,
          user: userOf(request),
        }),
      )
    },
  }
}

function knownBy(words: Texts, { host, knownBy }: Program): string {
  if (knownBy === 'metadata') return words.publishedBy(host)
  return knownBy === 'redirect' ? words.goesTo(host) : words.onDevice
}
