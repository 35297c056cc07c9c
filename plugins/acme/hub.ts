import {
  catalog,
  certificates,
  dashboardParts,
  database,
  defineHubPlugin,
  dnsProviders,
  jobs,
  MezError,
  metrics,
  migrations,
  publicNames,
  revisions,
  secretBox,
  webRoutes,
} from '@mezite/core'
import { hubState } from '@mezite/core/administration'
import { Config, configFaults, settingsOf } from './config.ts'
import { chooseProvider, createDnsProof } from './dns-proof.ts'
import { acmeMigrations } from './migrations.ts'
import { certificatesPage } from './page.ts'
import { reasons } from './reasons.ts'
import { certificateRoutes } from './routes.ts'
import { createSource, stateOf } from './source.ts'
import { createStore } from './store.ts'
import { createUpkeep } from './upkeep.ts'

const MINUTE_MS = 60_000

/** Certificates from an ACME authority (RFC 8555). The page plugins/acme of the documentation says how to configure it. */
export default defineHubPlugin({
  name: 'acme',
  api: 1,
  summary: 'Orders and renews certificates from an ACME authority',
  config: Config,
  validate: configFaults,
  needs: { catalog, database, hubState, jobs, metrics, publicNames, revisions, secretBox },
  wants: { dnsProviders },
  provides: { certificates, dashboardParts, migrations, webRoutes },
  reasons,
  setup({ clock, config, log, provide, use }) {
    // A cluster that stops to use it keeps what it has, also in backups.
    provide.migrations(acmeMigrations)
    const settings = settingsOf(config, use.publicNames)
    const served = () => use.hubState.certificates()
    if (settings === null) {
      provide.webRoutes(certificateRoutes(served, null))
      return
    }
    const provider = settings.dns && chooseProvider(settings.dns, use.dnsProviders, clock)
    if (settings.dns && !provider) {
      const names = ['rfc2136', 'exec', ...use.dnsProviders.map(({ name }) => name)].join(', ')
      const message = `plugins.acme.dns.provider: there is no provider "${settings.dns.provider}", only ${names}`
      throw new MezError('MEZ_CONFIG_INVALID', message)
    }
    const { hubOrigin, signInOrigin } = use.publicNames
    const hub = [...new Set([hubOrigin, signInOrigin].map((origin) => new URL(origin).hostname))]
    const { publicNames: names } = use
    const own = settings.appsOnly ? [] : hub
    const hosts = () => {
      const apps = use.catalog
        .list()
        .filter(use.catalog.servedByHub)
        .flatMap(({ publicAddr, aliases = [] }) => [publicAddr, ...aliases])
      const isWildcard = (host: string) => host.startsWith('*.')
      const domains = names.appsDomains.map((domain) => `*.${domain}`)
      return {
        own,
        apps: apps.filter((host) => !isWildcard(host)),
        // Only DNS proves a wildcard.
        wildcards: provider ? [...domains, ...apps.filter(isWildcard)] : [],
      }
    }
    const store = createStore({ db: use.database, box: use.secretBox, revisions: use.revisions })
    const source = createSource(store, { own, hub, names }, clock)
    const dns = provider ? createDnsProof(provider, settings.resolvers) : null
    const upkeep = createUpkeep({ ...use, settings, store, hosts, dns, clock, log })
    const { runSoon } = use.jobs.add({
      name: 'acme-orders',
      everyMs: MINUTE_MS,
      deadlineMs: 30 * MINUTE_MS,
      run: upkeep.run,
    })
    use.revisions.onApplied((touched) => {
      if ((touched === null || touched.has('app')) && upkeep.hasWork()) runSoon()
    })
    use.metrics.gauge(
      'mezite_acme_certificates',
      'Certificates by state, on every hub the same',
      () => {
        const counts: Record<string, number> = { valid: 0, ordering: 0, failing: 0, imported: 0 }
        for (const one of store.certificates.values()) counts[stateOf(one)]! += 1
        return counts
      },
      'state',
      'first',
    )
    provide.certificates(source)
    provide.webRoutes(certificateRoutes(served, { store, now: clock.now, covers: source.covers, runSoon }))
    provide.dashboardParts(certificatesPage(store, clock.now))
  },
})
