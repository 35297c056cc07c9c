import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { Agent, request } from 'node:https'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { freePort, testCertificate } from '@mezite/core/testing'
import { findProgram } from './program-lookup.ts'

const START_MS = 60_000
const MOST_LOG = 1_000_000

export interface PebbleOptions {
  /** Where it looks for challenges; hubs must listen there. */
  readonly tlsPort: number
  readonly httpPort: number
  /** Default: one of its own, whose names all have the address 127.0.0.1. */
  readonly dnsServer?: string
  /** Lifetime of certificates. */
  readonly validitySeconds?: number
  /** HMAC keys of external accounts, by kid. */
  readonly accounts?: Readonly<Record<string, string>>
  /** `PEBBLE_…`. */
  readonly env?: Readonly<Record<string, string>>
}

export interface Pebble {
  readonly directory: string
  /** File with the root of its own HTTPS. */
  readonly caFile: string
  readonly ca: string
  /** With which it serves `localhost`. */
  readonly keyPair: { readonly cert: string; readonly key: string }
  /** Address of the DNS server of this authority. */
  readonly dns: string
  /** URL at which its own DNS server takes changes of records. */
  readonly dnsManagement: string
  /** PEM of the root of certificates, of the chain with this number. */
  root(chain?: number): Promise<string>
  /** Changes records of its DNS server: `set-txt`, `add-a`, `add-caa`, `set-servfail`… */
  dnsCall(path: string, body: object): Promise<void>
  get(path: string): Promise<string>
  /** What it has written so far. */
  readonly log: () => string
  /** Ends it as a machine that goes away; `start` starts a new one without its accounts at the same address. */
  stop(): Promise<void>
  start(): Promise<void>
  close(): Promise<void>
}

/** Configuration of the plugin acme for this authority. */
export const acmeOf = (authority: Pick<Pebble, 'directory' | 'caFile' | 'dns'>, more: object = {}) => ({
  ...{ email: 'ops@example.com', accept_terms: true },
  ...{ directory: authority.directory, ca_file: authority.caFile, resolvers: [authority.dns] },
  ...more,
})

/** Starts a real ACME authority with a DNS server for names. Throws if it is not installed. */
export async function startPebble(options: PebbleOptions): Promise<Pebble> {
  if (findProgram('pebble') === null || findProgram('pebble-challtestsrv') === null)
    throw new Error('the ACME authority Pebble is not installed: apt-get install pebble')
  const folder = await mkdtemp(join(tmpdir(), 'mezite-pebble-'))
  const [port, management, dnsPort, dnsManagement] = [
    await freePort(),
    await freePort(),
    await freePort(),
    await freePort(),
  ]
  const { cert, key, ca } = await testCertificate(['localhost'])
  const file = (name: string) => join(folder, name)
  await writeFile(file('cert.pem'), cert)
  await writeFile(file('key.pem'), key)
  await writeFile(file('ca.pem'), ca)
  const accounts = options.accounts ?? {}
  const pebble = {
    listenAddress: `127.0.0.1:${port}`,
    managementListenAddress: `127.0.0.1:${management}`,
    certificate: file('cert.pem'),
    privateKey: file('key.pem'),
    httpPort: options.httpPort,
    tlsPort: options.tlsPort,
    ocspResponderURL: '',
    externalAccountBindingRequired: Object.keys(accounts).length > 0,
    externalAccountMACKeys: accounts,
    certificateValidityPeriod: options.validitySeconds ?? 90 * 86_400,
    retryAfter: { authz: 1, order: 1 },
  }
  await writeFile(file('pebble.json'), JSON.stringify({ pebble }))

  let log = ''
  const launch = (program: string, args: readonly string[], env: NodeJS.ProcessEnv = {}): ChildProcess => {
    const child = spawn(program, args, {
      env: { ...process.env, ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
      // Ctrl-C must reach the parent only, which stops its children in order.
      detached: true,
    })
    for (const stream of [child.stdout, child.stderr])
      stream.setEncoding('utf8').on('data', (text: string) => {
        log = (log + text).slice(-MOST_LOG)
      })
    child.on('error', () => {})
    return child
  }
  const end = async (child: ChildProcess) => {
    if (child.exitCode !== null || child.signalCode !== null) return
    const ended = once(child, 'exit')
    child.kill('SIGKILL')
    await ended
  }
  const none = ['-doh', '', '-http01', '', '-https01', '', '-tlsalpn01', '']
  const dnsServer = launch('pebble-challtestsrv', [
    ...['-dns01', `127.0.0.1:${dnsPort}`, '-management', `127.0.0.1:${dnsManagement}`],
    ...['-defaultIPv4', '127.0.0.1', '-defaultIPv6', '', ...none],
  ])
  const agent = new Agent({ ca, keepAlive: false })
  const get = (url: string): Promise<string> =>
    new Promise((resolve, reject) => {
      request(url, { agent }, (response) => {
        let text = ''
        response.setEncoding('utf8').on('data', (more: string) => {
          text += more
        })
        response.on('end', () => resolve(text))
        response.on('error', reject)
      })
        .on('error', reject)
        .end()
    })
  const directory = `https://localhost:${port}/dir`
  let child: ChildProcess
  const start = async () => {
    child = launch(
      'pebble',
      ['-strict', '-config', file('pebble.json'), '-dnsserver', options.dnsServer ?? `127.0.0.1:${dnsPort}`],
      { PEBBLE_VA_NOSLEEP: '1', PEBBLE_WFE_NONCEREJECT: '5', ...options.env },
    )
    const until = Date.now() + START_MS
    for (;;) {
      const up = await get(directory).then(
        () => true,
        () => false,
      )
      if (up) return
      if (child.exitCode !== null || Date.now() > until) throw new Error(`pebble does not start:\n${log}`)
      await new Promise((resolve) => setTimeout(resolve, 50))
    }
  }
  await start()
  return {
    directory,
    caFile: file('ca.pem'),
    ca,
    keyPair: { cert, key },
    dns: options.dnsServer ?? `127.0.0.1:${dnsPort}`,
    dnsManagement: `http://127.0.0.1:${dnsManagement}`,
    root: (chain = 0) => get(`https://localhost:${management}/roots/${chain}`),
    async dnsCall(path, body) {
      const response = await fetch(`http://127.0.0.1:${dnsManagement}/${path}`, {
        method: 'POST',
        body: JSON.stringify(body),
      })
      if (!response.ok) throw new Error(`${path}: HTTP ${response.status}`)
    },
    get: (path) => get(`https://localhost:${management}${path}`),
    log: () => log,
    stop: () => end(child),
    start,
    async close() {
      agent.destroy()
      await Promise.all([end(child), end(dnsServer)])
      await rm(folder, { recursive: true, force: true })
    },
  }
}
