import { mkdtempSync, rmSync } from 'node:fs'
import { createServer, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type AgentOptions, createAgent, type RunningAgent } from '../../../agent/agent.ts'
import type { App } from '../../../core/api/app.ts'
import type { AuditInput } from '../../../core/api/audit.ts'
import type { Database } from '../../../core/api/database.ts'
import type { Link, Pipe, TunnelChanged } from '../../../core/api/tunnel.ts'
import type { WebRoutes } from '../../../core/api/web-routes.ts'
import { createJoinTokens } from '../../../core/gate/enrolment/join-tokens.ts'
import { createAuthorities, type RunningAuthorities } from '../../../core/gate/pki/certificate-authorities.ts'
import { type Clock, systemClock } from '../../../core/kernel/clock.ts'
import type { Log } from '../../../core/kernel/log.ts'
import { chooseHubs, isPartial } from '../../../core/state/hubs/hub-registry.ts'
import type { RunningRevisions } from '../../../core/state/revisions/revisions.ts'
import { createAgentRelay } from '../../../core/traffic/relay/agent-relay.ts'
import { createPeers } from '../../../core/traffic/relay/peers.ts'
import type { AgentRelay } from '../../../core/traffic/tunnel/serving-links.ts'
import { createTunnel, type RunningTunnel } from '../../../core/traffic/tunnel/tunnel.ts'
import { operator } from '../../../core/web/server/admin-socket.ts'
import http2Transport from '../../../plugins/transport-http2/agent.ts'
import { tokenRoutes } from '../../../plugins/web-api/join-token-routes.ts'
import { openTestRooms } from '../../hub/open-test-rooms.ts'
import { admissionTo } from './admission-to.ts'
import { emptyTestStore, openTestStore, quiet, type TestStore } from './open-test-store.ts'

export function testApp(uri: string, agents: readonly string[] = ['node-1'], more: Partial<App> = {}): App {
  return {
    id: 'e2a8a5a2-0b1a-4f7e-9d4b-0b0f6f0f0f0f',
    name: 'app',
    description: null,
    labels: {},
    uri,
    protocol: 'tcp',
    publicAddr: 'app.apps.example.com',
    agents,
    enabled: true,
    tls: { verify: true, serverName: null, ca: null },
    rewriteHost: 'preserve',
    httpVersion: '1.1',
    identityHeaders: {},
    headers: { request: { set: {}, remove: [] }, response: { set: {}, remove: [] } },
    origins: [],
    timeouts: { connectMs: 3_000, responseMs: 10_000, idleMs: 60_000 },
    expires: null,
    ...more,
  }
}

export interface TunnelHub {
  readonly id: string
  /** Missing unless it was asked for. */
  readonly relay: AgentRelay | undefined
  readonly port: number
  readonly tunnel: RunningTunnel
  readonly routes: readonly WebRoutes[]
  readonly authorities: RunningAuthorities
  readonly events: AuditInput[]
  readonly changed: TunnelChanged[]
  readonly locked: Set<string>
  /** Agents that lost their access, and why. */
  readonly lost: string[]
  readonly apps: App[]
  readonly revisions: RunningRevisions
  readonly db: Database
  readonly secretBox: TestStore['secretBox']
  /** Raw sockets that reached the port, newest last. */
  readonly sockets: Socket[]
  /** Those of other hubs that relay. */
  readonly peerSockets: Socket[]
  readonly store: TestStore
  readonly cluster: TestCluster
  route: ((links: readonly Link[], app: App) => readonly Link[]) | null
  /** A connection to the app, as for somebody who is admitted. */
  open(app: App): Promise<Pipe>
  token(agentHostname?: string | null, ttlMs?: number): Promise<string>
  agent(options?: Partial<AgentOptions>): RunningAgent
  /** Resolves when the condition holds; rejects after 10 s. */
  until(condition: () => boolean, what: string): Promise<void>
  close(): Promise<void>
}

/** The hubs that agents are to know of, all behind each port: a wish is handed on to the hub that it names. */
export interface TestCluster {
  readonly tunnels: Map<string, RunningTunnel>
  /** Each wish that has come, oldest first. */
  readonly wishes: string[]
  reachable: ReadonlyMap<string, string>
  readonly listeners: (() => void)[]
  /** From now on these are live. */
  live(...ids: string[]): void
  /** The same for hubs that can be dialled. */
  reach(hubs: readonly TunnelHub[]): void
}

function testCluster(): TestCluster {
  const cluster: TestCluster = {
    tunnels: new Map(),
    wishes: [],
    reachable: new Map(),
    listeners: [],
    live(...ids) {
      set(ids.map((id) => [id, '']))
    },
    reach(hubs) {
      set(hubs.map(({ id, port }) => [id, `127.0.0.1:${port}`]))
    },
  }
  const set = (found: readonly (readonly [string, string])[]) => {
    cluster.reachable = new Map(found)
    for (const listener of cluster.listeners) listener()
  }
  return cluster
}

export interface TunnelHubOptions {
  readonly heartbeatMs?: number
  readonly offered?: string[]
  readonly joinsPerMinute?: number
  readonly agentLifeMs?: number
  readonly clock?: Clock
  readonly log?: Log
  /** Gives the hub a database, and so authorities, of its own. */
  readonly apart?: boolean
  /** Another hub of the same cluster. */
  readonly beside?: TunnelHub
  /** It relays, as hubs on one PostgreSQL do. */
  readonly relays?: boolean
}

/** The hub's side of the tunnel on a real port: the first bytes decide between tunnel and join. */
export async function startTunnelHub(options: TunnelHubOptions = {}): Promise<TunnelHub> {
  const { beside } = options
  const store = beside?.store ?? (await (options.apart ? openTestStore() : emptyTestStore()))
  const cluster = beside?.cluster ?? testCluster()
  const instanceId = `hub-${cluster.tunnels.size + 1}`
  const { db, secretBox } = store
  const events: AuditInput[] = []
  const revisions = store.addChanges(events)
  const changed: TunnelChanged[] = []
  const locked = new Set<string>()
  const lost: string[] = []
  const apps: App[] = []
  const sockets: Socket[] = []
  const peerSockets: Socket[] = []
  const dirs: string[] = []
  const agents: RunningAgent[] = []
  const { clock = systemClock, log = quiet, agentLifeMs, heartbeatMs } = options
  type Guard = { readonly accept?: (links: readonly Link[]) => readonly Link[] }
  const routeWith = (links: readonly Link[], app: App, { accept }: Guard = {}) => {
    const answer = hub.route?.(links, app) ?? links
    return accept ? accept(answer) : answer
  }
  const route = Object.assign(routeWith, {
    empty: false,
    pure: false,
  })
  const catalog = {
    list: () => apps,
    bindsIn: async (_trx: unknown, agent: string) => apps.some(({ agents }) => agents.includes(agent)),
  }
  const registry = {
    get reachable() {
      return cluster.reachable
    },
    get relays() {
      return isPartial(cluster.reachable)
    },
    hubsOf: (hostname: string) => chooseHubs(hostname, cluster.reachable),
    onChanged: (listener: () => void) => void cluster.listeners.push(listener),
  }
  const peers = createPeers({ registry, secretBox, instanceId, clock })
  let relay: AgentRelay | undefined
  const hook = <Fn extends (...args: never[]) => unknown>(run: Fn, empty = false) =>
    Object.assign(run, { empty, pure: false })
  const { authorities, joins, joinTokens, tunnel } = openTestRooms({
    only: ['joins', 'tunnel'],
    given: {
      db,
      secretBox,
      instanceId,
      clock,
      log,
      clusterName: 'test',
      hubVersion: '0.1.0',
      config: {
        proxy: { limits: { callsPerMinute: { tokens: options.joinsPerMinute ?? 1_000 } } },
        tunnel: { streams_per_agent: 9_000, ...(options.offered && { transports: options.offered }) },
      },
      kernel: {
        slot: () => [{ name: 'network', schemes: ['tcp'], servedByHub: false, targets: true }] as never,
        calls: {
          tunnel: {
            route,
            proposed: hook(() => {}, true),
            changed: hook((event: TunnelChanged) => void changed.push(event)),
          },
        },
      },
      cluster: {
        createAgentRelay(parts: Parameters<typeof createAgentRelay>[0]) {
          relay = createAgentRelay({ ...parts, settleMs: 200 })
          return relay
        },
      },
    },
    instead: {
      revisions: () => revisions,
      authorities: (rooms) => createAuthorities(rooms, { ...(agentLifeMs && { agentLifeMs }) }),
      catalog: () => catalog,
      audit: () => ({ record: (event) => void events.push(event) }),
      locks: () => ({ isAgentLocked: (hostname) => locked.has(hostname) }),
      registry: () => registry,
      peers: () => (options.relays ? peers : undefined),
      sessions: () => ({
        live: { cutAgent: (hostname, reason) => lost.push(`${hostname} ${reason}`) },
      }),
      tunnel: (rooms) => createTunnel(rooms, { helloMs: 2_000, ...(heartbeatMs && { heartbeatMs }) }),
    },
  })
  cluster.tunnels.set(instanceId, tunnel)
  await revisions.start()
  await authorities.load()
  const server = createServer((socket) => {
    socket.on('error', () => socket.destroy())
    sockets.push(socket)
    socket.once('data', (bytes: Buffer) => {
      const line = peers.isHeader(bytes) ? peers.read(bytes) : null
      if (line?.kind === 'more' || line?.kind === 'invalid') return void socket.destroy()
      const hello = bytes.subarray(line?.kind === 'header' ? line.length : 0)
      socket.pause()
      if (hello.length > 0) socket.unshift(hello)
      if (line?.kind === 'header') {
        peerSockets.push(socket)
        return tunnel.relay?.accept(socket, line.source, () => {})
      }
      const from = { clientIp: '127.0.0.1', transport: 'http2' }
      if (hello.includes('mezite-join/1')) return joins.accept(socket, from)
      const wish = /mezite-to\/([\w-]+)/.exec(hello.toString('latin1'))?.[1]
      if (wish === undefined) return tunnel.acceptTunnel(socket, from)
      cluster.wishes.push(wish)
      const wanted = cluster.tunnels.get(wish)
      if (!wanted) return void socket.destroy()
      wanted.acceptTunnel(socket, { ...from, ...(wish === instanceId ? {} : { via: instanceId }) })
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const port = (server.address() as { port: number }).port
  const hub: TunnelHub = {
    id: instanceId,
    relay,
    port,
    tunnel,
    routes: [
      tokenRoutes({
        administration: { joinTokens },
        authorities,
        publicNames: { hubOrigin: 'https://hub.example.com' },
      }),
      tunnel.routes,
    ],
    authorities,
    events,
    changed,
    locked,
    lost,
    apps,
    revisions,
    db,
    secretBox,
    sockets,
    peerSockets,
    store,
    cluster,
    route: null,
    open: async (app) => tunnel.open(admissionTo(app)),
    async token(agentHostname = 'node-1', ttlMs = 60_000) {
      const tokens = createJoinTokens({ db, revisions, clock: systemClock })
      return (
        await tokens.create({
          agentHostname,
          ttlMs,
          by: { subject: operator, clientIp: '', id: 'request-1' },
        })
      ).token
    },
    agent(more = {}) {
      const dataDir = mkdtempSync(join(tmpdir(), 'mezd-'))
      dirs.push(dataDir)
      const agent = createAgent({
        proxyAddr: `127.0.0.1:${port}`,
        caPin: authorities.pin(),
        hostname: 'node-1',
        dataDir,
        plugins: [http2Transport],
        log: quiet,
        ...more,
      })
      agents.push(agent)
      return agent
    },
    async until(condition, what) {
      const end = Date.now() + 180_000
      while (!condition()) {
        if (Date.now() > end) throw new Error(`waited in vain until ${what}`)
        await new Promise((resolve) => setTimeout(resolve, 10))
      }
    },
    async close() {
      await Promise.all(agents.map((agent) => agent.stop(500)))
      joins.close()
      tunnel.close()
      authorities.close()
      for (const socket of sockets) socket.destroy()
      await new Promise((resolve) => server.close(resolve))
      await revisions.stop()
      if (options.apart) await store.close()
      for (const dir of dirs) rmSync(dir, { recursive: true, force: true })
    },
  }
  return hub
}
