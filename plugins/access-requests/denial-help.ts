import type { Catalog, Clock, denialHelp, SlotRef, Users } from '@mezite/core'
import { PAGES } from './messages.ts'
import type { RequestPages } from './pages.ts'
import { type AccessRequest, stateOf } from './request.ts'
import { isPerson, type RequestRules } from './rules.ts'
import type { RequestStore } from './store.ts'
import { texts } from './texts.ts'

type DenialHelp = typeof denialHelp extends SlotRef<infer H> ? H : never

/** The form on the page of a denied app, and the apps that the home page offers. */
export function createDenialHelp(parts: {
  readonly rules: RequestRules
  readonly store: Pick<RequestStore, 'recent'>
  readonly users: Pick<Users, 'keyOf'>
  readonly catalog: Pick<Catalog, 'list'>
  readonly pages: RequestPages
  readonly clock: Clock
}): DenialHelp {
  const { rules, store, users, catalog, pages, clock } = parts

  function pendingOf(user: string, app: string): AccessRequest | undefined {
    const key = users.keyOf(user)
    return store
      .recent()
      .find((one) => one.user_key === key && one.app === app && stateOf(one, clock.now()) === 'pending')
  }

  return {
    name: 'access-requests',
    helpFor({ subject, app, url, language }) {
      if (!isPerson(subject)) return null
      const words = texts[language]
      const name = app.display?.name ?? app.name
      const pending = pendingOf(subject.user, app.id)
      if (pending !== undefined)
        return {
          title: words.offer.pendingTitle,
          text: words.offer.pendingText(name),
          path: `${PAGES}/${pending.id}`,
          reason: 'request_pending',
        }
      const offers = rules.forApp(subject.roles, app)
      if (offers.length === 0) return null
      const { pathname, search } = new URL(url)
      const body = pages.form(language, { app: app.name, path: pathname + search, offers })
      return { title: words.offer.title, text: words.offer.text(name), body }
    },
    offersTo(subject) {
      if (!isPerson(subject) || !rules.asks(subject.roles)) return []
      return catalog
        .list()
        .filter((app) => app.enabled && rules.forApp(subject.roles, app).length > 0)
        .map((app) => ({ app, path: `${PAGES}/new?app=${app.name}` }))
    },
  }
}
