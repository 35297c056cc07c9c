import { join } from 'node:path'
import type { FakeIssuer } from '../../core/testing/index.ts'
import { connect, register } from '../e2e/resources.ts'
import { startAgent } from '../e2e/start-agent.ts'
import { type RunningHub, startSite } from '../e2e/start-two-hubs.ts'
import { until } from '../until.ts'
import { fillCluster } from './filled-cluster.ts'

interface UpgradeOptions {
  readonly dir: string
  readonly issuer: FakeIssuer
  readonly appPort: number
  readonly teardown: (close: () => unknown) => void
  readonly check: (what: string, attempt: () => Promise<unknown>) => Promise<void>
}

/** One hub with the embedded database: the old version is stopped, and the new one starts on its data directory. */
export async function upgradeEmbedded({
  dir,
  issuer,
  appPort,
  teardown,
  check,
}: UpgradeOptions): Promise<void> {
  const site = await startSite({ teardown }, { config: { database: { driver: 'embedded' } } })
  const old = await site.startHub('hub', join(dir, 'core/mezhub.js'))
  site.balanceTo(old)
  await connect(old.api, issuer)
  const join_ = async (hostname: string, hub: RunningHub, of: string) => {
    const proxy = `hub.mezite.localhost:${site.balancer.port}`
    const file = join(of, 'agent/mezd.js')
    const agent = await startAgent({ hostname, proxy, api: hub.api, dir: site.dir, file })
    teardown(() => agent.stop())
  }
  await register(old.api, 'app', appPort, { agents: ['old-agent', 'new-agent'] })
  await join_('old-agent', old, dir)
  const filled = await fillCluster({ site, hub: old, oldDir: dir, agent: 'old-agent' })
  teardown(filled.close)
  old.program.signal('SIGTERM')
  await old.program.exited
  let fresh = old
  await check('embedded: the new hub starts on the data directory of the old one', async () => {
    fresh = await site.startHub('hub')
    site.balanceTo(fresh)
  })
  await check('embedded: the old agent returns by itself', () =>
    until(
      async () => (await fresh.api<{ connected: boolean }>('GET', '/agents/old-agent')).connected,
      'it is connected',
    ),
  )
  for (const { what, run } of filled.checks(fresh)) await check(`embedded: ${what}`, run)
  await check('embedded: a new agent joins', () =>
    join_('new-agent', fresh, join(import.meta.dirname, '../..')),
  )
}
