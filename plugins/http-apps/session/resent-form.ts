import { html } from '@mezite/core'
import type { HubResponse } from '@mezite/core/protocol'
import type { Client } from '../client/client.ts'
import { formResponse, languageOf, notice } from '../client/response.ts'
import { readWhole } from '../client/whole-body.ts'
import type { Deps } from '../deps.ts'
import type { AppRequest } from '../request/app-request.ts'
import { publicOrigin } from '../request/origin.ts'
import { texts } from '../texts.ts'

/** Names and values of a form, in its order. */
export type FormFields = readonly (readonly [name: string, value: string])[]

/** Bytes of a form that a page keeps. */
const MOST_BYTES = 65_536
const FORM = /^application\/x-www-form-urlencoded(?:;|$)/i

/**
 * The fields of a form that a page of this very app has posted, so that a page of the hub can send it again. Null: it is too long or
 * of another kind, such as one with files, or comes from elsewhere, and must not look like the app's own when it is sent again.
 */
export async function fieldsOf(
  { publicNames }: Deps,
  request: AppRequest,
  client: Client,
): Promise<FormFields | null> {
  const { method, origin, site, lines, host } = request
  const isOwn = origin === publicOrigin(host.host, publicNames) && (site ?? 'same-origin') === 'same-origin'
  const at = lines.findIndex((name, at) => at % 2 === 0 && name.toLowerCase() === 'content-type')
  if (method !== 'POST' || !isOwn || at < 0 || !FORM.test(lines[at + 1] ?? '')) return null
  const body = await readWhole(client, request, MOST_BYTES)
  if (body === null) return null
  const fields = [...new URLSearchParams(body.toString('latin1'))]
  // Fields without a name are never sent, and other encodings than UTF-8 would not be sent as they came.
  const isKept = fields.every(([name, value]) => name !== '' && !/[\0\ufffd]/.test(name + value))
  return isKept ? fields : null
}

/**
 * Asks the person to confirm in a small window, then sends the form again, once. Without `fields`, the person sends it again by
 * loading the page once more.
 */
export function confirmationPage(
  { pages }: Deps,
  request: AppRequest,
  {
    challenge,
    fields,
    lines,
  }: { readonly challenge: string; readonly fields: FormFields | null; readonly lines: readonly string[] },
): HubResponse {
  const words = texts[languageOf(pages, request)]
  const confirm = html`<a class="button" href=${challenge} target="_blank" rel="noopener" data-confirm>${words.confirm}</a>`
  const more =
    fields === null
      ? html`<div class="actions">${confirm}</div>`
      : html`<form method="post" action=${request.target} data-resend>
          ${fields.map(([name, value]) => html`<input type="hidden" name=${name} value=${value} />`)}
          <div class="actions">${confirm}<button class="plain">${words.sendAgain}</button></div>
        </form>`
  const page = notice(pages, request, {
    title: words.confirmTitle,
    sentences: [fields === null ? words.confirmReload : words.confirmForm],
    more,
    scripts: ['/.mezite/resend.js'],
  })
  const { kind, status, body, lines: own } = formResponse(401, page)
  return { kind, status, body, lines: [...own, ...lines] }
}
