import { html, type Pages, type PublicNames } from '@mezite/core'
import { type Account, accountSection } from './account-pages.ts'
import type { Assets } from './assets.ts'
import type { Request } from './deps.ts'
import { glyph, nameField, noScript, scriptWords, status } from './page-parts.ts'
import { problemsIn, type ScriptWords } from './script-problems.ts'
import { texts, type Words } from './texts.ts'

type Body = Parameters<Pages['render']>[0]['body']

/** The plugin's pages, in the language of a request. All arguments are escaped; scripts read their data from data attributes. */
export function createPages({
  pages,
  publicNames,
  assets,
}: {
  readonly pages: Pages
  readonly publicNames: Pick<PublicNames, 'clusterName'>
  readonly assets: Pick<Assets, 'paths'>
}) {
  const scripts = assets.paths
  const { contact } = pages.brand

  return ({ headers }: Pick<Request, 'headers'>) => {
    const language = pages.languageOf(headers['accept-language'])
    const words = { ...texts[language], problems: problemsIn(language, pages) }
    const { confirm } = words
    const page = (title: string, body: Body, user: string | null = null) =>
      pages.render({ title, body, language, scripts, user: user === null ? null : { name: user, roles: [] } })

    return {
      words,
      page,
      /** A role requires a passkey before this app opens. `missing`: why the person has no passkey for it. */
      confirm: (ask: {
        readonly user: string
        readonly app: string
        readonly state: string
        readonly level: string
        readonly missing: {
          readonly why: keyof Words['confirm']['missing']
          readonly addUrl: string | null
        } | null
      }) => {
        const [before, after] = confirm.opens(ask.app)
        return page(
          confirm.title,
          ask.missing === null
            ? html`<div class="card" data-passkey="mfa" data-words=${scriptWords(words)} data-state=${ask.state} data-level=${ask.level}>
                ${glyph()}
                <h1>${confirm.title}</h1>
                <p>${before}<strong>${ask.user}</strong>${after}</p>
                ${useKey(words)}
              </div>`
            : neededCard(words, {
                needs: confirm.needs(ask.app),
                missing: confirm.missing[ask.missing.why],
                addUrl: ask.missing.addUrl,
              }),
          ask.user,
        )
      },

      /** An action of another plugin needs a passkey. */
      confirmAction: (ask: {
        readonly user: string
        readonly target: string
        readonly hasKey: boolean
        readonly addUrl: string | null
      }) => {
        const [before, after] = confirm.continues
        return page(
          confirm.title,
          ask.hasKey
            ? html`<div class="card" data-passkey="action" data-words=${scriptWords(words)} data-target=${ask.target}>
                ${glyph()}
                <h1>${confirm.title}</h1>
                <p>${before}<strong>${ask.user}</strong>${after}</p>
                ${useKey(words)}
              </div>`
            : html`<div class="card">
                ${glyph()}
                <h1>${confirm.missingTitle}</h1>
                <p>${ask.addUrl === null ? confirm.missing.byAdmin : confirm.missing.none}</p>
                <div class="actions">
                  ${ask.addUrl === null ? null : html`<a class="button" href=${ask.addUrl}>${words.add}</a>`}
                  <a class="button plain" href=${ask.target}>${confirm.cancel}</a>
                </div>
              </div>`,
          ask.user,
        )
      },

      /** A login of `msh` needs a passkey before this app opens. */
      confirmProgram: (
        ask: Readonly<Record<'user' | 'session', string>> &
          Readonly<Record<'hasKey' | 'byToken', boolean>> & {
            readonly port: number | null
            /** Null: changes of administration. */
            readonly app: string | null
          },
      ) => {
        const { app } = ask
        const [before, after] =
          app === null
            ? confirm.changes
            : ask.byToken
              ? confirm.letsProgram(app)
              : confirm.opensInTerminal(app)
        const only =
          app === null ? confirm.onlyIfChanges : ask.byToken ? confirm.onlyIfProgram : confirm.onlyIf
        const needs = app === null ? confirm.changesNeed : confirm.needs(app)
        return page(
          confirm.title,
          ask.hasKey
            ? html`<div class="card" data-passkey="program" data-words=${scriptWords(words)} data-session=${ask.session} data-app=${app ?? ''} data-port=${String(ask.port ?? '')}>
                ${glyph()}
                <h1>${confirm.title}</h1>
                <p>${before}<strong>${ask.user}</strong>${after}</p>
                <p class="quiet">${only}</p>
                ${useKey(words)}
              </div>`
            : neededCard(words, { needs, missing: confirm.missing.none, addUrl: '/web/account' }),
          ask.user,
        )
      },

      /** The end of a confirmation for `msh`. */
      confirmed: (user: string | null) =>
        page(
          confirm.doneTitle,
          html`<div class="card"><h1>${confirm.doneTitle}</h1><p>${confirm.done}</p></div>`,
          user,
        ),

      /** Sign-in of people without an identity provider. */
      signIn: (state: string) =>
        page(
          words.signIn.pageTitle,
          html`<div class="card">
            ${glyph()}
            <h1>${words.signIn.title}</h1>
            <p class="quiet">${words.signIn.to(publicNames.clusterName)}</p>
            ${signInForm(words, { state, alone: true })}
          </div>`,
        ),

      /** The part of the hub's sign-in page for passkeys. */
      signInForm: (state: string) => ({ body: signInForm(words, { state, alone: false }), scripts }),

      /** The page of an enrolment link. The token is in the fragment, which only the script sees. */
      enrol: (signInUrl: string) => page(words.add, enrolCard(words, signInUrl, contact)),

      /** The page of an invitation, with its token like that of an enrolment link. */
      invitation: () => page(words.invitation.title, invitationCard(words, publicNames.clusterName, contact)),

      /** A person's own passkeys, a section of "My account". */
      account: (account: Account) => ({ scripts, body: accountSection(words, account) }),
    }
  }
}

/** The person has no passkey that opens this app. */
const neededCard = (
  words: Words,
  { needs, missing, addUrl }: { needs: string; missing: string; addUrl: string | null },
) => html`<div class="card">
  ${glyph()}
  <h1>${words.confirm.missingTitle}</h1>
  <p>${needs} ${missing}</p>
  <div class="actions">
    ${addUrl === null ? null : html`<a class="button" href=${addUrl}>${words.add}</a>`}
    <a class="button plain" href="/">${words.apps}</a>
  </div>
</div>`

const useKey = (words: Words) =>
  html`<div class="actions"><button data-go>${words.confirm.use}</button><a class="button plain" href="/">${words.confirm.cancel}</a></div>
  ${status()}${noScript(words)}`

/** The part of the page of an enrolment link that its script fills. */
function enrolCard(words: ScriptWords, signInUrl: string, contact: string | null) {
  const { enrol } = words
  return html`<div class="card" data-passkey="enrol" data-words=${scriptWords(words)}>
    ${glyph()}
    <h1>${words.add}</h1>
    <p data-when="ready" hidden>${enrol.for[0]}<strong data-user></strong>${enrol.for[1]}<time data-expires></time>${enrol.for[2]}</p>
    <p data-when="login_required" hidden>${enrol.signInFirst[0]}<strong data-user></strong>${enrol.signInFirst[1]}</p>
    <div data-when="ready" hidden>
      <p class="quiet">${enrol.device}</p>
      ${nameField(words, words.keyName)}
      <div class="actions"><button data-go>${enrol.create}</button></div>
    </div>
    ${status()}
    <div class="actions" data-when="login_required" hidden><a class="button" href=${signInUrl}>${words.signIn.title}</a></div>
    <div class="actions" data-when="done" hidden><a class="button" href="/">${words.apps}</a></div>
    <div data-when="link_refused" hidden>
      <p class="quiet">${enrol.once}${contact === null ? '' : ` ${enrol.contact}: ${contact}`}</p>
      <div class="actions"><a class="button plain" href="/">${words.signIn.title}</a></div>
    </div>
    ${noScript(words)}
  </div>`
}

/** The part of the page of an invitation that the same script fills. */
function invitationCard(words: ScriptWords, cluster: string, contact: string | null) {
  const { enrol, invitation } = words
  return html`<div class="card" data-passkey="enrol" data-at="/web/invitation" data-words=${scriptWords(words)}>
    ${glyph()}
    <h1>${invitation.title}</h1>
    <div data-when="ready" hidden>
      <p>${invitation.to(cluster)}<strong data-user></strong>${invitation.until[0]}<time data-expires></time>${invitation.until[1]}</p>
      <p class="quiet">${invitation.device}</p>
      ${nameField(words, words.keyName)}
      <div class="actions"><button data-go>${enrol.create}</button></div>
    </div>
    ${status()}
    <div class="actions" data-when="done" hidden><a class="button" href="/">${words.apps}</a></div>
    <div data-when="link_refused" hidden>
      <p class="quiet">${invitation.once}${contact === null ? '' : ` ${enrol.contact}: ${contact}`}</p>
      <div class="actions"><a class="button plain" href="/">${words.signIn.title}</a></div>
    </div>
    ${noScript(words)}
  </div>`
}

/** The browser suggests passkeys in the field, and the button asks for one directly. */
function signInForm(words: ScriptWords, { state, alone }: { state: string; alone: boolean }) {
  const { field, select, use } = words.signIn
  return html`<div data-passkey="sign-in" data-words=${scriptWords(words)} data-state=${state}>
    <div data-autofill hidden>
      <label for="passkey-user">${field}</label>
      <input id="passkey-user" name="username" autocomplete="username webauthn" autocapitalize="none" spellcheck="false" placeholder=${select} />
    </div>
    <div class="actions"><button data-go class=${alone ? '' : 'wide'}>${use}</button></div>
    ${status()}${noScript(words)}
  </div>`
}
