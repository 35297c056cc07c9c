import {
  apiRoutes,
  certificates,
  database,
  defineHubPlugin,
  messageOf,
  migrations,
  publicNames,
  type SlotRef,
  secretBox,
  Type,
  webRoutes,
} from '@mezite/core'
import { type Issued, issueLeaf } from './authority.ts'
import { localAuthorityMigrations, openRoot } from './root-store.ts'

type CertificateSource = typeof certificates extends SlotRef<infer T> ? T : never

const DAY_MS = 86_400_000
const RENEW_BEFORE_MS = 30 * DAY_MS
const LOOK_MS = 3_600_000

/** Certificates from an authority of the hub's own. The page plugins/local-authority of the documentation says how browsers come to trust it. */
export default defineHubPlugin({
  name: 'local-authority',
  api: 1,
  summary: "Certificates from the hub's own authority",
  config: Type.Closed({}),
  needs: { database, publicNames, secretBox },
  provides: { certificates, migrations, webRoutes },
  setup({ clock, log, provide, tap, use }) {
    const { hubOrigin, signInOrigin, appsDomains } = use.publicNames
    const hosts = [...new Set([hubOrigin, signInOrigin].map((origin) => new URL(origin).hostname))]
    const names = [...hosts, ...appsDomains.map((domain) => `*.${domain}`)]
    let root: Issued | null = null
    let leaf: Issued | null = null
    let problem: string | null = 'the hub has not started yet'
    let timer: NodeJS.Timeout | undefined

    async function renew(): Promise<void> {
      if (leaf !== null && leaf.expires - clock.now() > RENEW_BEFORE_MS) return
      try {
        root ??= await openRoot(use.database, use.secretBox, [...hosts, ...appsDomains], clock.now())
        leaf = await issueLeaf(root, names, clock.now())
        problem = null
      } catch (error) {
        problem = `no certificate could be issued: ${messageOf(error)}`
        log.error({ cause: messageOf(error) }, 'no certificate could be issued')
        throw error
      }
    }

    // A wildcard covers one label.
    const isApp = (host: string) => appsDomains.includes(host.slice(host.indexOf('.') + 1))
    const source: CertificateSource = {
      name: 'local-authority',
      covers: (host) => hosts.includes(host) || isApp(host),
      certificateFor: () => leaf,
      states: () => [{ subject: 'local-authority', names, expires: leaf?.expires ?? null, problem }],
    }
    provide.certificates(source)
    provide.migrations(localAuthorityMigrations)
    provide.webRoutes(
      apiRoutes('local-authority', (on) => {
        const summary = "The root certificate of the hub's own authority, PEM"
        on('GET /root.pem', { access: 'public', summary }, (_, _call, reply) =>
          reply.type('application/x-pem-file').send(root === null ? '' : root.cert),
        )
      }),
    )
    tap.lifecycle.start(async () => {
      await renew()
      timer = setInterval(() => void renew().catch(() => {}), LOOK_MS).unref()
    })
    tap.lifecycle.stop(async () => clearInterval(timer))
  },
})
