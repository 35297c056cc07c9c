import { join } from 'node:path'
import { type AdminClient, adminClient, Visitor } from '../../../core/testing/index.ts'
import { signIn } from '../../../examples/cluster/check/person-steps.ts'
import { type Cluster, startCluster } from '../../../examples/cluster/cluster.ts'
import { people } from '../../../examples/cluster/people.ts'
import { childRunning, processTree } from '../processes.ts'
import type { Target } from '../target.ts'

/** The real programs with the bench's application published: every check is on. */
export interface Ours {
  readonly cluster: Cluster
  readonly api: AdminClient
  readonly hubPort: number
  readonly hubPid: number
  readonly agentPid: number
  /** Origin of the application. */
  readonly url: string
  /** 64 sessions, each of another sign-in, and one for all connections. */
  readonly many: Target
  readonly single: Target
  /** Somebody who has just signed in to the application, or to another one whose origin this is. */
  visitor(origin?: string): Promise<Visitor>
}

const SESSIONS = 64
/** Sign-ins at the same time. */
const AT_ONCE = 4
const ATTEMPTS = 3
const RETRY_MS = 3_000
/** Of programs that ask for tokens, and people who add devices. */
const MANY_CALLS = { tokens: 1_000_000, sign_in: 1_000_000, other: 1_000_000 }

/** Starts mezhub and mezd as the example does, and signs in as many times as the load needs. */
export async function startOurs(options: {
  readonly dir: string
  readonly upstreamPort: number
  /** Null: the hub embeds its database. */
  readonly postgres: { readonly url: string; readonly pid: number } | null
  /** `proxy.processes` of the hub. */
  readonly processes?: number
  /** Whether programs get tokens, as many a minute as the load asks for. */
  readonly tokens?: boolean
}): Promise<Ours> {
  const { dir, upstreamPort, postgres, processes = 1, tokens = false } = options
  const before = new Set(processTree(process.pid))
  const cluster = await startCluster({
    dir,
    hubPort: 0,
    idpPort: 0,
    onStep: () => {},
    ...(postgres ? { databaseUrl: postgres.url } : {}),
    ...(tokens && { plugins: { 'authorization-server': { enabled: true } } }),
    ...(postgres && {
      proxy: { processes, ...(tokens && { limits: { calls_per_minute: MANY_CALLS } }) },
    }),
  })
  try {
    await cluster.mezctl(
      ...['apps', 'register', '--name', 'bench', '--uri', `http://127.0.0.1:${upstreamPort}`],
      ...['--labels', 'env=demo,team=platform', '--agent-hostname', 'demo-node'],
    )
    const url = cluster.apps.live.replace('//live.', '//bench.')
    const { host, hostname } = new URL(url)
    const visitor = async (origin = url) => {
      // On a machine that is busy the hub may give up on the identity provider.
      for (let attempt = 1; ; attempt++) {
        const someone = new Visitor(cluster.ca)
        const page = await signIn(someone, people[0], `${origin}/bytes/1024`)
        if (page.status === 200) return someone
        if (attempt === ATTEMPTS) throw new Error(`signing in ended with ${page.status} at ${page.url}`)
        await new Promise((resolve) => setTimeout(resolve, RETRY_MS))
      }
    }
    const cookies: string[] = []
    while (cookies.length < SESSIONS) {
      const signedIn = await Promise.all(Array.from({ length: AT_ONCE }, () => visitor()))
      cookies.push(...signedIn.map((someone) => someone.cookies(host) ?? ''))
    }
    const [hubPid, agentPid] = [childRunning('mezhub.js', before), childRunning('mezd.js', before)]
    const hubPort = Number(new URL(url).port)
    const target = (name: string, sessions: number): Target => ({
      name,
      port: hubPort,
      host: hostname,
      includes:
        'TLS, session, decision, tunnel over mutual TLS, identity headers with a signed assertion, audit record',
      cookie: (connection) => cookies[connection % sessions] ?? '',
      processes: { hub: hubPid, agent: agentPid, ...(postgres ? { database: postgres.pid } : {}) },
    })
    return {
      cluster,
      hubPort,
      hubPid,
      agentPid,
      url,
      visitor,
      api: adminClient(join(cluster.dataDir, 'admin.sock')),
      many: target(processes === 1 ? 'ours' : `ours, ${processes} processes`, SESSIONS),
      single: target('ours, one session', 1),
    }
  } catch (error) {
    await cluster.stop()
    throw error
  }
}
