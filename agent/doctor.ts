import { lookup } from 'node:dns/promises'
import { request } from 'node:https'
import { isIP } from 'node:net'
import { connect as connectTls } from 'node:tls'
import {
  type AgentTransport,
  isMezError,
  type Log,
  lookupLocalhost,
  messageOf,
  type ProveCarrier,
  shakeHands,
  TUNNEL_ALPN,
} from '@mezite/core/agent'
import type { HubAddress } from './hub-address.ts'
import { connectPinned } from './join.ts'
import { connectOutbound, outboundProxy } from './outbound-connection.ts'
import { createTransportChoice, likelyCause } from './transport-choice.ts'

const STEP_MS = 10_000
const NO_PROOF =
  'not tested: the hub responds only to agents; run `mezd doctor` with the configuration of one, or its join token'
/** A larger difference breaks TLS; short-lived certificates are affected even by smaller ones. */
const CLOCK_SKEW_MS = 60_000

/** One finding: the test, and for a failure the reason and who can fix it. */
export interface Finding {
  readonly step: string
  /** Null if it could not be tested. */
  readonly ok: boolean | null
  readonly detail: string
}

/** Tests the path to a hub step by step and passes each finding to `report`. True if an agent can reach the hub. */
export async function examineHub(
  options: {
    readonly address: HubAddress
    readonly transports: readonly AgentTransport[]
    /** Without a pin the hub's identity is not verified. */
    readonly caPin: string | null
    /** Proves this agent or its join token, which carriers on the hub's own host ask for; null: there is neither. */
    readonly prove: ProveCarrier | null
    readonly env: NodeJS.ProcessEnv
    readonly log: Log
  },
  report: (finding: Finding) => void,
): Promise<boolean> {
  const { address, transports, caPin, prove, env, log } = options
  const { host, port } = address
  const step = async (name: string, run: () => Promise<string>): Promise<boolean> => {
    try {
      report({ step: name, ok: true, detail: await run() })
      return true
    } catch (error) {
      if (prove === null && isMezError(error, 'MEZ_CARRIER_REFUSED')) {
        report({ step: name, ok: null, detail: NO_PROOF })
        return false
      }
      report({ step: name, ok: false, detail: `${messageOf(error)}. ${likelyCause(error, port)}` })
      return false
    }
  }
  const connect = () => connectOutbound(address, AbortSignal.timeout(STEP_MS), env)

  const proxy = outboundProxy(address, env)
  if (proxy) {
    const { host, port } = proxy.address
    report({
      step: 'Proxy',
      ok: true,
      detail: `HTTPS_PROXY leads through ${host}:${port}, which resolves names`,
    })
  } else if (isIP(host) === 0) {
    await step('DNS', async () => `${host} is ${(await addressesOf(host)).join(', ')}`)
  }
  const reached = await step('TCP', async () => {
    ;(await connect()).destroy()
    return `${host} accepts connections on port ${port}`
  })
  if (!reached) return false
  await step('TLS', async () => {
    const alpn = [TUNNEL_ALPN]
    const socket = await shakeHands({ carrier: await connect(), host, alpn }, { rejectUnauthorized: false })
    socket.destroy()
    return 'a hub responds, and nothing on the way inspects TLS'
  })
  await step('Clock', async () => clockDifference(await serverDate(await connect(), host)))
  let through = false
  for (const transport of transports) {
    const choice = createTransportChoice({ address, transports: [transport], env, log })
    const works = await step(`Transport ${transport.name}`, () =>
      choice.reach(
        async (carrier) => {
          const pinned = caPin === null ? null : await connectPinned({ carrier, host, caPin })
          const socket =
            pinned ??
            (await shakeHands({ carrier, host, alpn: [TUNNEL_ALPN] }, { rejectUnauthorized: false }))
          socket.destroy()
          return caPin === null ? 'reaches the hub' : 'reaches the hub, which has the pinned authority'
        },
        { signal: AbortSignal.timeout(2 * STEP_MS), prove: prove ?? (() => '') },
      ),
    )
    through ||= works
  }
  return through
}

async function addressesOf(host: string): Promise<readonly string[]> {
  if (!/(^|\.)localhost$/.test(host)) return (await lookup(host, { all: true })).map(({ address }) => address)
  return new Promise((resolve, reject) =>
    lookupLocalhost(host, { all: true }, (error, found) =>
      error ? reject(error) : resolve((Array.isArray(found) ? found : []).map(({ address }) => address)),
    ),
  )
}

/** The `Date` header of the hub's own host, or of a device that responds in its place. */
function serverDate(socket: Awaited<ReturnType<typeof connectOutbound>>, host: string): Promise<number> {
  return new Promise((resolve, reject) => {
    const servername = isIP(host) === 0 ? host : ''
    const probe = request({
      host,
      method: 'HEAD',
      path: '/',
      timeout: STEP_MS,
      headers: { host },
      createConnection: () =>
        connectTls({ socket, servername, ALPNProtocols: ['http/1.1'], rejectUnauthorized: false }),
    })
    probe.once('response', (response) => {
      resolve(Date.parse(response.headers.date ?? ''))
      probe.destroy()
    })
    probe.once('timeout', () => probe.destroy(new Error('the hub did not respond in time')))
    probe.on('error', reject)
    probe.end()
  })
}

function clockDifference(there: number): string {
  if (Number.isNaN(there)) return 'the hub does not tell its time'
  const skew = Date.now() - there
  const seconds = Math.round(Math.abs(skew) / 1_000)
  if (Math.abs(skew) <= CLOCK_SKEW_MS) return `this clock and the hub's differ by ${seconds} s`
  throw new Error(
    `this clock is ${seconds} s ${skew > 0 ? 'ahead of' : 'behind'} the hub's: set it, for example with NTP`,
  )
}
