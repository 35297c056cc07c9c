import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { freePort, startPostgres } from '@mezite/core/testing'
import type { ProgramOptions } from './program.ts'
import { findProgram } from './program-lookup.ts'

const HAPROXY_CONFIG = fileURLToPath(new URL('../operations/haproxy.cfg', import.meta.url))

/** Where a hub of the cluster runs. */
export interface HubPlace {
  readonly name: string
  readonly dataDir: string
  readonly port: number
  readonly diagnosticsPort: number
  /** Keys of `proxy:` that a hub behind a balancer needs. */
  readonly proxy: Readonly<Record<string, unknown>>
}

/** The hubs of a cluster, and everything that they share. */
export interface HubPlaces {
  /** They start in this order. */
  readonly hubs: readonly [HubPlace, ...HubPlace[]]
  readonly databaseUrl: string | undefined
  /** Environment of each hub. */
  readonly env: Readonly<Record<string, string>>
  /** The balancer in front of them; null for a single hub. */
  readonly balancer: Pick<ProgramOptions, 'name' | 'file' | 'args' | 'env'> | null
  close(): Promise<void>
}

/** One hub that listens on the public port itself. */
export async function oneHub(
  dir: string,
  publicPort: number,
  options: { readonly databaseUrl?: string; readonly proxy?: HubPlace['proxy'] },
): Promise<HubPlaces> {
  const dataDir = join(dir, 'hub')
  const diagnosticsPort = await freePort()
  const hub = { name: 'hub', dataDir, port: publicPort, diagnosticsPort, proxy: options.proxy ?? {} }
  return { hubs: [hub], databaseUrl: options.databaseUrl, env: {}, balancer: null, close: async () => {} }
}

/**
 * Two hubs on a PostgreSQL server of their own, behind HAProxy with PROXY protocol version 2. Throws if a program is not
 * installed.
 */
export async function twoHubs(dir: string, publicPort: number): Promise<HubPlaces> {
  const haproxy = findProgram('haproxy') ?? findProgram('/usr/sbin/haproxy')
  if (haproxy === null) {
    throw new Error('two hubs need HAProxy and PostgreSQL: apt-get install haproxy postgresql')
  }
  const [portA, portB, readyA, readyB] = await Promise.all([freePort(), freePort(), freePort(), freePort()])
  const postgres = await startPostgres()
  const behind = { trusted_proxies: ['127.0.0.1/32'], proxy_protocol: 'required' }
  const dataDir = join(dir, 'hub')
  const file = (name: string): string => join(dataDir, `development-${name}.pem`)
  // Browsers must get the same certificate from both.
  const https_keypair = { cert_file: file('certificate'), key_file: file('key') }
  return {
    hubs: [
      { name: 'hub', dataDir, port: portA, diagnosticsPort: readyA, proxy: behind },
      {
        ...{ name: 'second hub', dataDir: join(dir, 'hub-b'), port: portB, diagnosticsPort: readyB },
        proxy: { ...behind, https_keypair },
      },
    ],
    databaseUrl: await postgres.createDatabase(),
    env: { MEZITE_ENCRYPTION_KEY: randomBytes(32).toString('base64') },
    balancer: {
      name: 'balancer',
      file: haproxy,
      args: ['-db', '-f', HAPROXY_CONFIG],
      env: {
        ...{ PUBLIC: `127.0.0.1:${publicPort}`, HUB_A: '127.0.0.1', HUB_B: '127.0.0.1' },
        ...{ PORT_A: String(portA), PORT_B: String(portB) },
        ...{ READY_A: String(readyA), READY_B: String(readyB) },
      },
    },
    close: () => postgres.close(),
  }
}
