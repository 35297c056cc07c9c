import type { Catalog, Pages, PublicNames, Subject, WebRoutes } from '@mezite/core'
import type { Confirmations } from '@mezite/core/identity'
import type { DeviceDesk, NewDevice } from './desk.ts'
import { accountSection, addForm, PATH, secretPage } from './pages.ts'
import { problemFor } from './reasons.ts'
import { texts } from './texts.ts'

const page = { config: { access: 'page' } } as const
const FIELDS = ['app', 'name', 'days', 'paths'] as const

/** `/web/devices`, and the section of "My account". */
export function pageRoutes(deps: {
  readonly desk: DeviceDesk
  readonly pages: Pages
  readonly catalog: Pick<Catalog, 'byId' | 'urlOf'>
  readonly confirmations: Confirmations | undefined
  readonly publicNames: Pick<PublicNames, 'signInOrigin'>
}): WebRoutes {
  const { desk, pages, catalog, confirmations, publicNames } = deps
  const languageOf = (headers: { readonly 'accept-language'?: string | undefined }) =>
    pages.languageOf(headers['accept-language'])
  const userOf = ({ user, roles }: Subject) => ({ name: user, roles })

  return {
    name: 'devices-pages',
    prefix: PATH,
    async routes(web) {
      web.get('/new', page, async ({ actor, subject, headers, query }, reply) => {
        const language = languageOf(headers)
        const words = texts[language]
        const body = addForm(words, await desk.offers(actor), formOf(query))
        return reply.page(pages.render({ title: words.add, body, language, user: userOf(subject) }))
      })

      web.post('/', page, async ({ actor, subject, headers, body: sent }, reply) => {
        if (confirmations === undefined) throw problemFor('device_unconfirmed')
        const language = languageOf(headers)
        const form = formOf(sent)
        const added = await desk.add(form, actor, language)
        if (added === null) {
          // The form comes back as it was filled in.
          const back = `${PATH}/new?${new URLSearchParams(form as unknown as Record<string, string>)}`
          const path = back.length <= MOST_PATH ? back : `${PATH}/new?app=${encodeURIComponent(form.app)}`
          return reply.redirect(publicNames.signInOrigin + confirmations.pathTo(path), 303)
        }
        const { device, app, secret } = added
        const origin = new URL(catalog.urlOf(app) ?? publicNames.signInOrigin).origin
        const words = texts[language]
        const body = await secretPage(words, { name: device.name, secret, origin })
        const title = words.shown.title(device.name)
        return reply.page(pages.render({ title, body, language, user: userOf(subject) }))
      })

      web.post<{ Params: { id: string } }>('/:id/remove', page, async ({ actor, params }, reply) => {
        await desk.remove(params.id, actor, true)
        return reply.redirect('/web/account#devices', 303)
      })
    },
    async account({ headers }, session) {
      // Without passkeys nobody can add one.
      if (confirmations === undefined) return null
      const own = desk.ofUser(session.user).map((device) => {
        const app = catalog.byId(device.app)
        return { device, app: app === undefined ? device.app : (app.display?.name ?? app.name) }
      })
      return { body: accountSection(texts[languageOf(headers)], own), scripts: [] }
    },
  }
}

/** What the page of the confirmation takes as its target. */
const MOST_PATH = 1_900

function formOf(given: unknown): NewDevice {
  const [app = '', name = '', days = '', paths = ''] = FIELDS.map((field) => {
    const value =
      typeof given === 'object' && given !== null && Object.hasOwn(given, field)
        ? (given as Record<string, unknown>)[field]
        : ''
    return typeof value === 'string' ? value : ''
  })
  return { app, name, days, paths: paths.replaceAll('\r\n', '\n') }
}
