import type { X509Certificate } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { messageOf } from '@mezite/core'
import type { Authorization, Order } from 'acme-client'
import { AcmeProblem, type Authority, type Polled, problemText } from './authority.ts'
import { checkedChain } from './chain-check.ts'
import type { AcmeSettings } from './config.ts'
import type { createDnsProof } from './dns-proof.ts'
import type { Challenge, Served } from './store.ts'

/** How long an authority may take for one step. */
const STEP_MS = 180_000
const FIRST_LOOK_MS = 200
const SLOWEST_LOOK_MS = 5_000
/** An authority that wants to be left alone for longer is asked again after that. */
const LONGEST_PAUSE_MS = 60_000
const CURVES = { p256: 'P-256', p384: 'P-384' } as const

/** An order that failed, with the reason of each name that the authority could not check. */
export class OrderFailure extends Error {
  readonly faults: ReadonlyMap<string, string>

  constructor(message: string, faults: ReadonlyMap<string, string> = new Map()) {
    super(message)
    this.faults = faults
  }
}

export interface OrderOptions {
  readonly authority: Authority
  readonly settings: AcmeSettings
  /** Name of the certificate. */
  readonly name: string
  readonly names: readonly string[]
  /** Which way of `auto` to prove names: the first one again after the second. */
  readonly attempt: number
  /** Members of a new order. */
  readonly more: Readonly<Record<string, string>>
  /** One that was begun before. */
  readonly begun: { readonly url: string; readonly key: string } | null
  readonly dns: ReturnType<typeof createDnsProof> | null
  readonly now: () => number
  /** Stores an order before anything is proved, so that another hub can finish it. */
  readonly began: (order: { readonly url: string; readonly key: string }) => Promise<void>
  /** Resolves once every hub shows the proofs. */
  readonly show: (challenges: readonly Challenge[]) => Promise<void>
  readonly signal: AbortSignal
}

export async function newKey(authority: Authority, type: AcmeSettings['keyType']): Promise<string> {
  const { crypto } = authority.acme
  const key =
    type === 'p256' || type === 'p384'
      ? await crypto.createPrivateEcdsaKey(CURVES[type])
      : await crypto.createPrivateRsaKey(Number(type.slice('rsa'.length)))
  return key.toString()
}

/**
 * Orders a certificate (RFC 8555, section 7.4), or goes on with an order that was begun. Rejects with `OrderFailure`,
 * `AcmeProblem`, or the error of the network.
 */
export async function order(options: OrderOptions): Promise<Served & { readonly leaf: X509Certificate }> {
  const { authority, settings, names, signal } = options
  const { acme, client } = authority
  let key = options.begun?.key
  let current: Order
  if (options.begun) current = await authority.order(options.begun.url)
  else {
    key = await newKey(authority, settings.keyType)
    const { replaces, ...more } = options.more
    current = await authority.createOrder(names, options.more).catch((error) => {
      // An authority that does not know the old certificate, has replaced it, or fails because of it, must not keep the new one
      // from being made.
      if (replaces === undefined || !(error instanceof AcmeProblem)) throw error
      return authority.createOrder(names, more)
    })
    await options.began({ url: current.url, key })
  }
  if (current.status === 'pending') {
    await prove(options, await client.getAuthorizations(current))
    current = await settle(() => authority.order(current.url), ['pending'], signal)
  }
  if (current.status === 'ready') {
    const [, csr] = await acme.crypto.createCsr({ altNames: [...names] }, key!)
    await client.finalizeOrder(current, csr)
    current = await settle(() => authority.order(current.url), ['ready', 'processing'], signal)
  } else if (current.status === 'processing')
    current = await settle(() => authority.order(current.url), ['processing'], signal)
  if (current.status !== 'valid') {
    const { error } = current as { error?: unknown }
    throw new OrderFailure(problemText(error) || `the order is ${current.status}`)
  }
  const text = await client.getCertificate(current, settings.preferredChain ?? undefined)
  try {
    return { ...checkedChain(String(text), { key: key!, now: options.now(), names }), key: key! }
  } catch (error) {
    throw new OrderFailure(`the authority returned a certificate that cannot be used: ${messageOf(error)}`)
  }
}

/** Proves every name of an order at once. */
async function prove(options: OrderOptions, authorizations: readonly Authorization[]): Promise<void> {
  const { authority, dns, name: certificate, signal } = options
  const { client } = authority
  const pending = authorizations.filter(({ status }) => status === 'pending')
  const faults = new Map<string, string>()
  const records: Awaited<ReturnType<NonNullable<typeof dns>['present']>>[] = []
  try {
    const shown: Challenge[] = []
    const chosen = await Promise.all(
      pending.map(async (authorization) => {
        const host = authorization.identifier.value
        if (!options.names.some((one) => one === host || one === `*.${host}`))
          throw new OrderFailure(`the authority asks for a proof of ${host}, which was not ordered`)
        const offered = authorization.challenges.filter(({ status }) => status === 'pending')
        const types = dns ? ['dns-01'] : waysOf(options)
        const challenge = types.map((type) => offered.find((one) => one.type === type)).find(Boolean)
        if (!challenge)
          throw new OrderFailure(`the authority does not offer ${types.join(' or ')} for ${host}`)
        const text = await client.getChallengeKeyAuthorization(challenge)
        // The types of acme-client do not know all types of challenges.
        const type: string = challenge.type
        if (type === 'tls-alpn-01') {
          const proofKey = await newKey(authority, 'p256')
          const [, cert] = await authority.acme.crypto.createAlpnCertificate(authorization, text, proofKey)
          const tls = { cert: cert.toString(), key: proofKey }
          shown.push({ host, certificate, token: challenge.token, proof: { tls } })
        } else if (type === 'http-01')
          shown.push({ host, certificate, token: challenge.token, proof: { text } })
        return { authorization, challenge, host, text }
      }),
    )
    if (shown.length > 0) await options.show(shown)
    if (dns) {
      // One after the other, because two values of one name are two changes of one record set.
      for (const { host, text } of chosen) records.push(await dns.present(host, text, signal))
      await Promise.all(records.map((record) => dns.untilShown(record, signal)))
    }
    await Promise.all(chosen.map(({ challenge }) => client.completeChallenge(challenge)))
    await Promise.all(
      chosen.map(async ({ authorization: { url, wildcard }, challenge, host }) => {
        const ended = await settle(() => authority.authorization(url), ['pending'], signal)
        if (ended.status === 'valid') return
        const one = ended.challenges.find(({ type }) => type === challenge.type) as { error?: AcmeProblem }
        const reason = problemText(one?.error) || `the check is ${ended.status}`
        faults.set(wildcard ? `*.${host}` : host, `${challenge.type}: ${reason}`)
      }),
    )
  } finally {
    // The order's outcome does not depend on it.
    await Promise.all(records.map((record) => dns!.cleanup(record).catch(() => {})))
  }
  if (faults.size > 0) throw new OrderFailure(`the authority could not check ${describe(faults)}`, faults)
}

const waysOf = ({ settings, attempt }: OrderOptions): readonly string[] => {
  if (settings.challenge !== 'auto') return [settings.challenge]
  if (!settings.plainHttp) return ['tls-alpn-01']
  const ways = ['tls-alpn-01', 'http-01']
  return attempt % 2 === 0 ? ways : ways.reverse()
}

/** `a: reason; b: reason`, of the first three names. */
export function describe(faults: ReadonlyMap<string, string>): string {
  const [...all] = faults
  const shown = all.slice(0, 3).map(([host, reason]) => `${host} (${reason})`)
  return shown.join(', ') + (all.length > 3 ? ` and ${all.length - 3} more names` : '')
}

/** Asks until the status is none of these, more and more rarely, and not before the authority wants to be asked. */
async function settle<T extends { readonly status: string }>(
  read: () => Promise<Polled<T>>,
  while_: readonly string[],
  signal: AbortSignal,
): Promise<T> {
  const until = performance.now() + STEP_MS
  for (let waitMs = FIRST_LOOK_MS; ; waitMs = Math.min(waitMs * 1.5, SLOWEST_LOOK_MS)) {
    const found = await read()
    if (!while_.includes(found.status)) return found
    if (performance.now() > until)
      throw new Error(`the authority needs longer than ${STEP_MS / 60_000} minutes (${found.status})`)
    const pauseMs = Math.min(found.retryAfterMs ?? 0, LONGEST_PAUSE_MS)
    await sleep(Math.max(waitMs, pauseMs), undefined, { signal })
  }
}
