import { type Audit, html, type Pages } from '@mezite/core'
import type { Configuration, KoaContextWithOIDC } from 'oidc-provider'
import { type Call, calls } from './calls.ts'
import { programOf } from './program-name.ts'
import { recordWrongCode } from './refusals.ts'
import { type Texts, texts } from './texts.ts'

type Markup = Parameters<Pages['render']>[0]['body']

/** Form parameters of a page of the library: it compares `xsrf` with its session. */
function hidden(ctx: KoaContextWithOIDC, fields: Readonly<Record<string, string>>) {
  const { secret } = (ctx.oidc.session as unknown as { state: { secret: string } }).state
  return Object.entries({ xsrf: secret, ...fields }).map(
    ([name, value]) => html`<input type="hidden" name=${name} value=${value} />`,
  )
}

/**
 * The pages of the device grant (RFC 8628), on which a person types the code of a device. They have no script: a code in
 * the address only fills in the form.
 */
export function devicePages(
  pages: Pick<Pages, 'render' | 'languageOf'>,
  audit: Pick<Audit, 'record'>,
): NonNullable<NonNullable<Configuration['features']>['deviceFlow']> {
  function show(ctx: KoaContextWithOIDC, body: (words: Texts, call: Call) => Markup): void {
    const call = calls.getStore()
    if (call === undefined) throw new Error('no request is being served')
    const language = pages.languageOf(call.request.headers['accept-language'])
    const user = call.hubSession === undefined ? null : { name: call.hubSession.user, roles: [] }
    ctx.type = 'html'
    const words = texts[language]
    ctx.body = pages.render({ title: words.deviceTitle, body: body(words, call), language, user })
  }
  const action = (ctx: KoaContextWithOIDC) => new URL(ctx.oidc.urlFor('code_verification')).pathname

  return {
    enabled: true,
    charset: 'base-20',
    mask: '****-****',
    deviceInfo: () => ({ ip: calls.getStore()?.clientIp, at: Date.now() }),
    userCodeInputSource(ctx, _form, _out, error) {
      if (error) recordWrongCode(error, audit)
      const session = ctx.oidc.session as unknown as { exp?: number; touched: boolean }
      if (error && session.exp === undefined) {
        // A browser without a session of the library could not send the form: the page itself begins one.
        session.touched = false
        ctx.redirect(action(ctx))
        ctx.status = 303
        return
      }
      show(
        ctx,
        (words, { userCode = '' }) => html`<div class="card">
          <h1>${words.deviceTitle}</h1>
          ${error ? html`<p class="status bad" role="alert">${words.codeWrong}</p>` : null}
          <form method="post" action=${action(ctx)}>
            ${hidden(ctx, {})}
            <label for="code">${words.code}</label>
            <input id="code" name="user_code" value=${userCode} maxlength="16" autocomplete="off" spellcheck="false" required />
            <div class="actions"><button>${words.continue}</button></div>
          </form>
        </div>`,
      )
    },
    userCodeConfirmSource(ctx, _form, client, deviceInfo, userCode) {
      const { ip, at } = deviceInfo as { readonly ip?: string; readonly at?: number }
      show(ctx, (words) => {
        const time = new Date(at ?? 0)
        return html`<div class="card">
          <h1>${words.sameCode}</h1>
          <span class="code">${userCode}</span>
          <p>${words.askedBy(programOf(client, {}).name, ip ?? '?')}</p>
          <p class="quiet"><time datetime=${time.toISOString()}>${time.toUTCString()}</time></p>
          <p class="quiet">${words.onlyIf}</p>
          <form method="post" action=${action(ctx)}>
            ${hidden(ctx, { user_code: userCode })}
            <div class="actions">
              <button name="confirm" value="yes">${words.continue}</button>
              <button class="plain" name="abort" value="yes">${words.deny}</button>
            </div>
          </form>
        </div>`
      })
    },
    successSource(ctx) {
      show(ctx, (words) => html`<div class="card"><h1>${words.deviceDone}</h1><p>${words.close}</p></div>`)
    },
  }
}
