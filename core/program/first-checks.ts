import { randomBytes } from 'node:crypto'
import { lookup } from 'node:dns/promises'
import { once } from 'node:events'
import { connect, createServer } from 'node:net'
import { join } from 'node:path'
import { type Address, formatAddress, isLocalhostName } from '../api/address.ts'
import type { LoadedConfig } from '../hub/config/config-loader.ts'
import type { HubConfig } from '../hub/config/hub-config.ts'
import { messageOf } from '../kernel/error.ts'

/** One line of what `mezhub init` has tested. */
export interface Check {
  readonly what: string
  /** Null if nothing is missing. */
  readonly missing: string | null
}

const DEADLINE_MS = 5_000
const TLS_PORT = 443
/** Authorities that check names from the internet, and so on port 443 alone. */
const PUBLIC_DIRECTORIES = ['letsencrypt', 'letsencrypt-staging']

/**
 * Tests what a file cannot say: whether names resolve, whether the port is free, and whether there will be a certificate.
 * `acme`: the directory that certificates come from; then the names must lead to this machine.
 */
export async function firstChecks(
  { config, plugins }: LoadedConfig,
  acme: string | null,
): Promise<readonly Check[]> {
  const { proxy, data_dir } = config
  const greeting = randomBytes(16).toString('hex')
  const greeter = createServer((socket) => {
    socket.on('error', () => {})
    socket.setTimeout(DEADLINE_MS, () => socket.destroy())
    socket.end(greeting)
  })
  const failure = await once(greeter.listen({ ...proxy.listen_addr }), 'listening').then(
    () => null,
    messageOf,
  )
  const address = formatAddress(proxy.listen_addr)
  const port = { what: `${address} is free`, missing: failure === null ? null : `${address}: ${failure}` }
  try {
    const names = await Promise.all(hostsOf(config).map(resolved))
    const reached =
      acme === null || failure !== null
        ? []
        : await Promise.all(names.map((name) => reaches(name, proxy.public_addr.port, greeting)))
    const shown = names.filter(({ host }) => !isLocalhostName(host))
    return [
      ...shown.map(nameCheck),
      port,
      ...reached.flat(),
      acme === null ? certificateCheck() : acmeCheck(acme, proxy.public_addr.port),
    ]
  } finally {
    await greeter[Symbol.asyncDispose]()
  }

  function certificateCheck(): Check {
    const what = 'the certificate covers the hub and its applications'
    if (proxy.https_keypair) return { what, missing: null }
    const where = data_dir === '/var/lib/mezite' ? '' : ` --data-dir ${data_dir}`
    const missing = plugins.some(({ key }) => key === 'local-authority')
      ? `browsers do not trust the hub's own authority yet: run mezctl trust install${where} once the hub runs`
      : `browsers warn of the development certificate: get one for both names; command lines trust it with --ca-file ${join(data_dir, 'development-ca.pem')}`
    return { what, missing }
  }
}

/** The names that must resolve: those of the hub, and one of an app below each domain. */
export const hostsOf = ({ proxy, signInHost }: HubConfig): readonly string[] => [
  ...new Set([
    proxy.public_addr.host,
    signInHost,
    ...(proxy.apps_domain ?? []).map((domain) => `app.${domain}`),
  ]),
]

interface Resolved {
  readonly host: string
  readonly addresses: readonly string[]
}

export async function resolved(host: string): Promise<Resolved> {
  if (isLocalhostName(host)) return { host, addresses: ['127.0.0.1'] }
  const found = await lookup(host, { all: true }).catch(() => [])
  return { host, addresses: [...new Set(found.map(({ address }) => address))] }
}

const nameCheck = ({ host, addresses }: Resolved): Check => ({
  what: `${host} resolves to ${addresses.join(', ')}`,
  missing: addresses.length > 0 ? null : `${host} does not resolve: add the DNS record`,
})

/** Connects to every address of a name, as an authority does; what answers must be this program. */
function reaches({ host, addresses }: Resolved, port: number, greeting: string): Promise<Check[]> {
  return Promise.all(
    addresses.map(async (address) => {
      const place = formatAddress({ host: address, port })
      const what = `${host}: ${place} leads to this machine, as seen from here`
      const answer = await answerOf({ host: address, port }, greeting)
      if (answer === 'greeting') return { what, missing: null }
      const missing =
        answer === 'other'
          ? `${host}: another program answers at ${place}: change the DNS record, or forward port ${port} to this machine`
          : `${host}: ${place} does not answer (${answer.error}): open the port in the firewall, or forward it to this machine. If a router does not let its own network in, test it from elsewhere`
      return { what, missing }
    }),
  )
}

/** Whether a server begins with the greeting; one that waits for a question is another one. */
function answerOf(
  { host, port }: Address,
  greeting: string,
): Promise<'greeting' | 'other' | { readonly error: string }> {
  return new Promise((resolve) => {
    const socket = connect({ host, port })
    let text = ''
    let connected = false
    const end = (answer: Awaited<ReturnType<typeof answerOf>>) => {
      clearTimeout(timer)
      socket.destroy()
      resolve(answer)
    }
    const timer = setTimeout(() => end(connected ? 'other' : { error: 'ETIMEDOUT' }), DEADLINE_MS)
    socket.setEncoding('latin1')
    socket.on('connect', () => {
      connected = true
    })
    socket.on('data', (chunk) => {
      text += chunk
      if (text === greeting) end('greeting')
      else if (!greeting.startsWith(text)) end('other')
    })
    socket.on('end', () => end('other'))
    socket.on('error', (error: NodeJS.ErrnoException) => end({ error: error.code ?? messageOf(error) }))
  })
}

function acmeCheck(directory: string, port: number): Check {
  const isPublic = PUBLIC_DIRECTORIES.includes(directory)
  return {
    what: `certificates come from ${directory} once the hub runs`,
    missing:
      isPublic && port !== TLS_PORT
        ? `${directory} checks names on port ${TLS_PORT} only, not on ${port}: forward port ${TLS_PORT} to this machine as well, or prove names by DNS (plugins.acme.dns)`
        : null,
  }
}
