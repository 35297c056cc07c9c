import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { PGlite } from '@electric-sql/pglite'
import { Kysely, PGliteDialect } from 'kysely'
import { type AgentOptions, createAgent, type RunningAgent } from '../../../agent/create-agent.ts'
import type { AuditInput } from '../../../core/hub/audit/audit-event.ts'
import type { App } from '../../../core/hub/catalog/app.ts'
import type { ChangeKind, Changes, View } from '../../../core/hub/database/changes.ts'
import type { Database } from '../../../core/hub/database/database.ts'
import { createAuthorities } from '../../../core/hub/keys/create-authorities.ts'
import { keysMigrations } from '../../../core/hub/keys/keys-migrations.ts'
import type { Vault } from '../../../core/hub/keys/vault.ts'
import { createTunnel, type RunningTunnel } from '../../../core/hub/tunnel/create-tunnel.ts'
import type { Link, TunnelChanged } from '../../../core/hub/tunnel/tunnel.ts'
import { tunnelMigrations } from '../../../core/hub/tunnel/tunnel-migrations.ts'
import { systemClock } from '../../../core/kernel/clock.ts'
import type { Log } from '../../../core/kernel/log.ts'
import http2Transport from '../../../plugins/transport-http2/agent.ts'

const nothing = (): void => {}
export const quiet: Log = { debug: nothing, info: nothing, warn: nothing, error: nothing, child: () => quiet }

/** A real embedded database with the tables of keys and tunnel. */
export async function openTestDatabase(): Promise<Database> {
  const db: Database = new Kysely({ dialect: new PGliteDialect({ pglite: new PGlite() }) })
  for (const { migrations } of [keysMigrations, tunnelMigrations]) {
    for (const name of Object.keys(migrations).sort()) await migrations[name]?.up(db)
  }
  return db
}

/** The change sequence without its sequence: one hub, transactions and views for real. */
export function testChanges(db: Database, events: AuditInput[]): Changes {
  const views: View[] = []
  const listeners: Parameters<Changes['onApplied']>[0][] = []
  return {
    epoch: 0,
    async write(change) {
      const touched = new Map<ChangeKind, Set<string>>()
      const audited: AuditInput[] = []
      const { result, swaps } = await db.transaction().execute(async (trx) => {
        const result = await change(trx, {
          opened: () => {},
          touch: (kind, key) => void touched.set(kind, (touched.get(kind) ?? new Set()).add(key)),
          audit: async (event) => void audited.push(event),
        })
        return { result, swaps: await Promise.all(views.map((view) => view.refresh(trx, touched))) }
      })
      events.push(...audited)
      for (const swap of swaps) swap()
      for (const listener of listeners) listener(touched)
      return result
    },
    addView: (view) => void views.push(view),
    onApplied: (listener) => void listeners.push(listener),
    ageMs: () => 0,
    fresh: () => true,
    catchUp: async () => {},
  }
}

/** AES-GCM bound to the place, as the real vault does. */
export function testVault(key = randomBytes(32)): Vault {
  const aad = (place: object) => Buffer.from(JSON.stringify(place))
  return {
    seal(place, plaintext) {
      const iv = randomBytes(12)
      const cipher = createCipheriv('aes-256-gcm', key, iv).setAAD(aad(place))
      return Buffer.concat([iv, cipher.update(plaintext), cipher.final(), cipher.getAuthTag()])
    },
    open(place, sealed) {
      const decipher = createDecipheriv('aes-256-gcm', key, sealed.subarray(0, 12)).setAAD(aad(place))
      decipher.setAuthTag(sealed.subarray(-16))
      return Buffer.concat([decipher.update(sealed.subarray(12, -16)), decipher.final()])
    },
  }
}

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
    origins: [],
    timeouts: { connectMs: 3_000, responseMs: 10_000, idleMs: 60_000 },
    expires: null,
    ...more,
  }
}

export interface TunnelHub {
  readonly port: number
  readonly tunnel: RunningTunnel
  readonly authorities: ReturnType<typeof createAuthorities>
  readonly events: AuditInput[]
  readonly changed: TunnelChanged[]
  readonly locked: Set<string>
  readonly apps: App[]
  readonly changes: Changes
  readonly db: Database
  /** Raw sockets that reached the port, newest last. */
  readonly sockets: Socket[]
  route: ((links: readonly Link[], app: App) => readonly Link[]) | null
  token(agentHostname?: string | null, ttlMs?: number): Promise<string>
  agent(options?: Partial<AgentOptions>): RunningAgent
  /** Resolves when the condition holds; rejects after 10 s. */
  until(condition: () => boolean, what: string): Promise<void>
  close(): Promise<void>
}

/** The hub's side of the tunnel on a real port: the first bytes decide between tunnel and join. */
export async function startTunnelHub(
  options: { agentLifeMs?: number; heartbeatMs?: number } = {},
): Promise<TunnelHub> {
  const db = await openTestDatabase()
  const events: AuditInput[] = []
  const changed: TunnelChanged[] = []
  const locked = new Set<string>()
  const apps: App[] = []
  const sockets: Socket[] = []
  const dirs: string[] = []
  const agents: RunningAgent[] = []
  const changes = testChanges(db, events)
  const base = { db, changes, clusterName: 'test', clock: systemClock, log: quiet }
  const authorities = createAuthorities({
    ...base,
    vault: testVault(),
    ...(options.agentLifeMs === undefined ? {} : { agentLifeMs: options.agentLifeMs }),
  })
  await authorities.load()
  const route = Object.assign((links: readonly Link[], app: App) => hub.route?.(links, app) ?? links, {
    empty: false,
    pure: false,
  })
  const tunnel = createTunnel({
    ...base,
    authorities,
    instanceId: 'hub-1',
    hubVersion: '0.1.0',
    publicAddr: 'hub.example.com:443',
    catalog: { list: () => apps },
    hooks: {
      changed: Object.assign((event: TunnelChanged) => void changed.push(event), {
        empty: false,
        pure: false,
      }),
      route,
    },
    audit: { record: (event) => void events.push(event) },
    isAgentLocked: (hostname) => locked.has(hostname),
    helloMs: 2_000,
    joinRateLimit: { perMinute: 1_000 },
    ...(options.heartbeatMs === undefined ? {} : { heartbeatMs: options.heartbeatMs }),
  })
  const server = createServer((socket) => {
    socket.on('error', () => socket.destroy())
    sockets.push(socket)
    socket.once('data', (hello: Buffer) => {
      socket.pause()
      socket.unshift(hello)
      const from = { clientIp: '127.0.0.1' }
      if (hello.includes('mezite-join/1')) tunnel.acceptJoin(socket, from)
      else tunnel.acceptTunnel(socket, from)
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const port = (server.address() as { port: number }).port
  const api = tunnel.routes[0]
  const hub: TunnelHub = {
    port,
    tunnel,
    authorities,
    events,
    changed,
    locked,
    apps,
    changes,
    db,
    sockets,
    route: null,
    async token(agentHostname = 'node-1', ttlMs = 60_000) {
      if (!api) throw new Error('no routes')
      const { createJoinTokens } = await import('../../../core/hub/tunnel/join-tokens.ts')
      const tokens = createJoinTokens({ db, changes, clock: systemClock })
      return (await tokens.create({ agentHostname, ttlMs, user: 'operator@socket' })).token
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
      const end = Date.now() + 10_000
      while (!condition()) {
        if (Date.now() > end) throw new Error(`waited in vain until ${what}`)
        await new Promise((resolve) => setTimeout(resolve, 10))
      }
    },
    async close() {
      await Promise.all(agents.map((agent) => agent.stop(500)))
      tunnel.close()
      authorities.close()
      for (const socket of sockets) socket.destroy()
      await new Promise((resolve) => server.close(resolve))
      await db.destroy()
      for (const dir of dirs) rmSync(dir, { recursive: true, force: true })
    },
  }
  return hub
}
