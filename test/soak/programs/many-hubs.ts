/**
 * The rest of a large cluster around one hub: further hubs that relay, each with its share of the agents, and the links of
 * those agents that are to have one to that hub. All on the same PostgreSQL. Told a `ManyHubsJob`, says `{ links }` when all
 * are there.
 */
import { randomUUID } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { connect as connectTcp, createServer, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { makeKeyRequest } from '../../../agent/certificate-request.ts'
import { openHubLink } from '../../../agent/hub-link.ts'
import type { AgentTables } from '../../../core/gate/enrolment/agent-tables.ts'
import { createAuthorities } from '../../../core/gate/pki/certificate-authorities.ts'
import { systemClock as clock } from '../../../core/kernel/clock.ts'
import { openDatabase } from '../../../core/state/database/database.ts'
import { createRegistry } from '../../../core/state/hubs/hub-registry.ts'
import { openSecretBox } from '../../../core/state/secrets/key-verification.ts'
import { memoryLog } from '../../../core/testing/index.ts'
import { createAgentRelay } from '../../../core/traffic/relay/agent-relay.ts'
import { createPeers } from '../../../core/traffic/relay/peers.ts'
import type { LiveLink } from '../../../core/traffic/tunnel/link.ts'
import { connectHub } from '../../../core/wire/hub-connection.ts'
import { TUNNEL_ALPN } from '../../../core/wire/tunnel-protocol.ts'
import { changesOf } from '../../state/database/stores.ts'
import { until } from '../../until.ts'

export interface ManyHubsJob {
  readonly url: string
  readonly clusterName: string
  readonly encryptionKey: string
  /** Port of the hub that is measured, and how many there are with it. */
  readonly port: number
  readonly hubs: number
  readonly agents: number
}

const AT_ONCE = 16
const ROWS = 500
const DAY_MS = 24 * 3_600_000
const { log } = memoryLog()

async function run(job: ManyHubsJob): Promise<void> {
  const { clusterName } = job
  const dataDir = mkdtempSync(join(tmpdir(), 'many-hubs-'))
  process.on('exit', () => rmSync(dataDir, { recursive: true, force: true }))
  const database = await openDatabase({ driver: 'postgres', url: job.url }, { log })
  const { db } = database
  const revisions = changesOf(database, { log })
  const env = { MEZITE_ENCRYPTION_KEY: job.encryptionKey }
  const secretBox = await openSecretBox({ db, dataDir, env })
  const authorities = createAuthorities({ db, revisions, secretBox, clusterName, clock, log })
  await authorities.load()
  const base = { clusterName, authorities, revisions, clock, log }

  const registries = Array.from({ length: job.hubs - 1 }, () => {
    const instanceId = randomUUID()
    return { instanceId, registry: createRegistry({ ...database, instanceId, version: '0', clock, log }) }
  })
  const hostnames = Array.from({ length: job.agents }, (_, at) => `node-${at}`)
  for (const { instanceId, registry } of registries) {
    const share = new Map<string, LiveLink>()
    const peers = createPeers({ registry, secretBox, instanceId, clock })
    const measured = () =>
      new Map([...registry.reachable].filter(([id]) => !registries.some((other) => other.instanceId === id)))
    const relay = createAgentRelay({
      ...base,
      instanceId,
      peers,
      streamsPerAgent: 9_000,
      changed() {},
      faults: () => new Map(),
      links: {
        all: new Set(),
        up() {},
        down() {},
        receive() {},
        refusalOf: () => null,
        get: (hostname) => share.get(hostname),
        list: () => [...share.values()],
        returned: async () => false,
      },
      agents: { get: () => ({}) as never },
      // They need not know each other.
      registry: {
        get reachable() {
          return measured()
        },
        hubsOf: (hostname) => registry.hubsOf(hostname),
        get relays() {
          return registry.relays
        },
        onChanged: registry.onChanged,
      },
      isAgentLocked: () => false,
    })
    const server = createServer((socket: Socket) => {
      socket.on('error', () => socket.destroy())
      socket.once('data', (bytes: Buffer) => {
        const line = peers.read(bytes)
        if (line.kind !== 'header') return void socket.destroy()
        socket.pause()
        const rest = bytes.subarray(line.length)
        if (rest.length > 0) socket.unshift(rest)
        relay.accept(socket, line.source, () => {})
      })
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    await registry.start()
    await registry.announce(`127.0.0.1:${(server.address() as { port: number }).port}`)
    void until(() => registry.reachable.size === job.hubs, 'all hubs are known', 120_000).then(() => {
      const facts = { usable: true, version: '1.0.0', transport: 'http2', since: Date.now() }
      for (const hostname of hostnames)
        if (registry.hubsOf(hostname).has(instanceId)) share.set(hostname, { ...facts, hostname } as LiveLink)
    })
  }
  const { registry } = registries[0]!
  await until(() => registry.reachable.size === job.hubs, 'all hubs are known', 120_000)
  const own = [...registry.reachable.keys()].find(
    (id) => !registries.some(({ instanceId }) => instanceId === id),
  )
  const linked = hostnames.filter((hostname) => registry.hubsOf(hostname).has(own ?? ''))

  const certificates = new Map<string, { key: string; certificate: string; serial: string }>()
  await crowd(linked, async (hostname) => {
    const { key, csr } = await makeKeyRequest(hostname)
    certificates.set(hostname, { key, ...(await authorities.issueAgent({ csr, hostname, generation: 1 })) })
  })
  const authority = authorities.keys('agent-ca')[0]!.id
  for (let from = 0; from < hostnames.length; from += ROWS) {
    const some = hostnames.slice(from, from + ROWS)
    await revisions.write(async (trx, change) => {
      await trx
        .withTables<AgentTables>()
        .insertInto('agents')
        .values(
          some.map((hostname) => ({
            hostname,
            created: new Date(),
            previous_serial: null,
            generation: 1,
            cert_serial: certificates.get(hostname)?.serial ?? hostname,
            cert_authority: authority,
            cert_expires: new Date(Date.now() + DAY_MS),
            hub_ca_pins: null,
          })),
        )
        .execute()
      for (const hostname of some) change.touch('agent', hostname)
    })
  }
  let links = 0
  await crowd(linked, async (hostname) => {
    const { key, certificate } = certificates.get(hostname)!
    const carrier = connectTcp(job.port, '127.0.0.1')
    const socket = await connectHub({
      carrier,
      host: '127.0.0.1',
      alpn: [TUNNEL_ALPN],
      hubCa: authorities.bundle('hub-ca'),
      clusterName,
      key,
      certificate,
    })
    const up = Promise.withResolvers<void>()
    openHubLink({
      socket,
      clock,
      log,
      version: '1.0.0',
      dial: () => Promise.reject(new Error('there is no app')),
      onUp: () => up.resolve(),
      onMessage() {},
      onClosed(reason) {
        links -= 1
        up.reject(new Error(reason))
        process.stderr.write(`${hostname}: ${reason}\n`)
      },
    })
    await up.promise
    links += 1
  })
  process.send?.({ links })
}

async function crowd<T>(all: readonly T[], each: (one: T) => Promise<void>): Promise<void> {
  const left = [...all]
  const work = async (): Promise<void> => {
    for (let next = left.pop(); next !== undefined; next = left.pop()) await each(next)
  }
  await Promise.all(Array.from({ length: AT_ONCE }, work))
}

process.on('message', (job: ManyHubsJob) => {
  run(job).catch((error: Error) => {
    process.stderr.write(`${error.stack}\n`)
    process.exit(1)
  })
})
process.on('SIGTERM', () => process.exit(0))
process.on('disconnect', () => process.exit(0))
process.send?.({ ready: true })
