import {
  audit,
  catalog,
  database,
  defineHubPlugin,
  migrations,
  notifications,
  pages,
  publicNames,
  requestHolds,
  requirements,
  sessions,
  Type,
  users,
  webRoutes,
} from '@mezite/core'
import { assertion, confirmations, locks } from '@mezite/core/identity'
import { access } from '@mezite/core/protocol'
import { canonical, sha256 } from './intent.ts'
import { createIntents, NAME, WITHIN_MS } from './intents.ts'
import { intentMigrations } from './migrations.ts'
import { intentPages } from './pages.ts'
import { reasons } from './reasons.ts'
import { IntentConfig } from './sentences.ts'
import { texts } from './texts.ts'
import { intentBody } from './views.ts'

/** `require: { signature: true }` of rules: the hub holds such a request until a person has signed exactly it. */
export default defineHubPlugin({
  name: 'signed-intent',
  api: 1,
  summary: 'Holds requests until a person signs them with a passkey',
  config: Type.Closed({
    body_bytes: Type.Count({
      default: 16 * 1024 * 1024,
      max: 1024 * 1024 * 1024,
      description:
        'Bytes of the body of a request that waits for its signature. From 1 MiB on, they are in a temporary file',
    }),
    requests_per_person: Type.Count({
      default: 3,
      max: 100,
      description: 'Requests of one person that wait for a signature on one hub',
    }),
    requests: Type.Count({
      default: 50,
      max: 10_000,
      description: 'All requests that wait for a signature on one hub',
    }),
  }),
  appConfig: IntentConfig,
  needs: { access, assertion, audit, catalog, database, locks, pages, publicNames, sessions, users },
  wants: { confirmations, notifications },
  provides: { migrations, requestHolds, requirements, webRoutes },
  reasons,
  setup({ clock, config, log, provide, tap, use }) {
    const intents = createIntents({
      ...use,
      templatesFor: (app) => use.appConfig(app)?.sentences ?? [],
      notify: use.notifications === undefined ? null : (one) => use.notifications!.send(one),
      clock,
      log,
    })
    provide.migrations(intentMigrations)
    provide.requirements({
      name: NAME,
      reason: 'signature_required',
      title: 'This must be signed',
      detail: 'This needs a signature with a passkey, which is not possible here.',
      mfa: true,
      strictest: (a, b) => (a.signer === 'other' ? a : b),
      isMetBy: ({ signer }, entry, { appId }) => intents.isMet(entry, appId, signer),
    })
    provide.requestHolds({
      requirement: NAME,
      limits: {
        bodyBytes: config.body_bytes,
        perPerson: config.requests_per_person,
        total: config.requests,
      },
      withinMs: WITHIN_MS,
      // Without passkeys, nobody can sign.
      hold: async (request) => (use.confirmations === undefined ? null : intents.hold(request)),
    })
    use.confirmations?.add({
      name: NAME,
      async find(id, session, language) {
        const document = await intents.signable(id, session)
        if (document === null) return null
        const words = texts[language]
        const challenge = sha256(canonical(document.intent))
        return { challenge, title: words.title, body: intentBody(words, document) }
      },
      accept: (id, session, signature) => intents.settle(id, session, signature),
      decline: (id, session) => intents.settle(id, session, null),
    })
    provide.webRoutes(intentPages({ ...use, intents, clock }))
    tap.lifecycle.stop(() => intents.stop())
  },
})
