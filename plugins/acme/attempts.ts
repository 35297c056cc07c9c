import { hostname } from 'node:os'
import { setTimeout as sleep } from 'node:timers/promises'
import { type Clock, type Log, type Metrics, messageOf, type Revisions } from '@mezite/core'
import { type createAccounts, membersOf } from './accounts.ts'
import { AcmeProblem, plain } from './authority.ts'
import { issuerOf, namesOf } from './chain-check.ts'
import { type AcmeSettings, isPublic } from './config.ts'
import type { createDnsProof } from './dns-proof.ts'
import { nameFaults } from './name-check.ts'
import { describe, OrderFailure, order } from './order.ts'
import { mustWait, Waiting, WEEK_MS } from './rate-limits.ts'
import { renewalTime } from './renewal.ts'
import type { Certificate, Challenge, Store } from './store.ts'

const MINUTE_MS = 60_000
const LONGEST_WAIT_MS = 6 * 60 * MINUTE_MS
/** How old a certificate is at least before it is renewed, even if the authority wants that sooner. */
const SOONEST_MS = 60 * MINUTE_MS
/** By then every hub has read the change: they look at least every second. */
const SPREAD_MS = 1_500

export interface AttemptParts {
  readonly settings: AcmeSettings
  readonly store: Store
  readonly accounts: ReturnType<typeof createAccounts>
  readonly dns: ReturnType<typeof createDnsProof> | null
  readonly revisions: Pick<Revisions, 'alone'>
  readonly metrics: Pick<Metrics, 'counters'>
  readonly clock: Clock
  readonly log: Log
}

/** A row for names that have no certificate yet. */
export const waiting = (name: string, names: readonly string[]): Omit<Certificate, 'leaf'> => ({
  name,
  names,
  imported: false,
  served: null,
  directory: null,
  hub: null,
  renewAt: null,
  renewalCheck: null,
  attempts: 0,
  lastError: null,
  nextAttempt: null,
  order: null,
})

/** Fields of an audit event. */
export const audited = ({ name, names }: Pick<Certificate, 'name' | 'names'>) => ({
  name,
  names: names.join(', '),
})

interface Failed {
  readonly directory: string
  readonly error: unknown
}

/** When to try again after these errors, in milliseconds since the epoch. `attempts`: how many have failed before. */
function retryTime(errors: readonly Failed[], attempts: number, now: number): number {
  const backoffMs = Math.min(MINUTE_MS * 2 ** attempts, LONGEST_WAIT_MS) * (0.9 + Math.random() * 0.2)
  const times = errors.map(({ error }) => {
    if (error instanceof Waiting) return error.until
    const afterMs = error instanceof AcmeProblem ? error.retryAfterMs : null
    return now + Math.max(backoffMs, afterMs ?? 0)
  })
  return Math.min(...times)
}

/** Orders one certificate, from one directory after the other. */
export function createAttempts(parts: AttemptParts) {
  const { settings, store, accounts, dns, clock, log } = parts
  const counted = parts.metrics.counters('mezite_acme_orders_total', 'Orders of certificates by this hub', [
    'outcome',
  ])

  async function show(challenges: readonly Challenge[], signal: AbortSignal): Promise<void> {
    await store.write(async (to) => {
      for (const one of challenges) await to.show(one)
    })
    if (!parts.revisions.alone) await sleep(SPREAD_MS, undefined, { signal })
  }

  /** One order with one directory. */
  async function orderAt(directory: string, one: Certificate, signal: AbortSignal): Promise<void> {
    const { name, names } = one
    const renewal = one.served !== null
    const begun = one.order?.directory === directory ? one.order : null
    const since = clock.now() - WEEK_MS
    const wait = begun
      ? null
      : mustWait(await store.attempts(directory, since), { names, renewal }, clock.now())
    if (wait) throw new Waiting(wait)
    const authority = await accounts.open(directory)
    const { meta } = await authority.directory()
    const faults = await nameFaults(names, {
      resolvers: settings.resolvers,
      authority: meta?.caaIdentities ?? [],
      connects: dns === null,
      publicOnly: isPublic(directory),
    })
    if (faults.size > 0) throw new OrderFailure(`the order would fail: ${describe(faults)}`, faults)
    const more = await membersOf(authority, one, directory, settings.profile)
    const id = await store.begin(directory, names, clock.now(), renewal)
    try {
      const options = {
        authority,
        settings,
        name,
        names,
        attempt: one.attempts,
        begun,
        dns,
        now: clock.now,
        signal,
      }
      const put = (order: Certificate['order']) =>
        store.write(async (to) => {
          const now = await to.certificate(name)
          if (now && !now.imported) await to.put({ ...now, order })
        })
      const { leaf, ...served } = await order({
        ...options,
        more,
        began: ({ url, key }) => put({ url, key, directory }),
        show: (challenges) => show(challenges, signal),
      })
      await store.ended(id, { issued: true, failed: [] })
      // A certificate that is old already must not be renewed in a loop.
      const renewAt = Math.max(renewalTime(leaf), clock.now() + SOONEST_MS)
      await store.write(async (to) => {
        await to.hide(name)
        const issued = { served, directory, hub: hostname(), renewAt, renewalCheck: clock.now() + SOONEST_MS }
        // An administrator may have imported one under this name meanwhile, which stays.
        if (!(await to.certificate(name))?.imported) await to.put({ ...waiting(name, names), ...issued })
        const fields = { ...audited(one), issuer: issuerOf(leaf), not_after: leaf.validToDate.toISOString() }
        await to.change.audit({ type: 'cert.issued', success: true, fields })
      })
      counted('issued').value += 1
      log.info({ certificate: name, names: namesOf(leaf), until: leaf.validTo }, 'certificate issued')
    } catch (error) {
      const failed = error instanceof OrderFailure ? [...error.faults.keys()] : []
      if (!signal.aborted) await store.ended(id, { issued: false, failed })
      throw error
    }
  }

  /** Tries one directory after the other, and stores what came of it. */
  async function attempt(one: Certificate, signal: AbortSignal): Promise<void> {
    const errors: Failed[] = []
    for (const directory of settings.directories) {
      try {
        return await orderAt(directory, one, signal).catch(async (error) => {
          if (!(await accounts.forget(directory, error))) throw error
          await orderAt(directory, { ...one, order: null }, signal)
        })
      } catch (error) {
        // The lease is gone, or the hub stops: the order goes on elsewhere.
        if (signal.aborted) throw error
        errors.push({ directory, error })
      }
    }
    await failed(one, errors)
  }

  async function failed(one: Certificate, errors: readonly Failed[]): Promise<void> {
    const faults = new Map(
      errors.flatMap(({ error }) => (error instanceof OrderFailure ? [...error.faults] : [])),
    )
    const waits = errors.every(({ error }) => error instanceof Waiting)
    const nextAttempt = retryTime(errors, one.attempts, clock.now())
    const several = errors.length > 1
    const lastError = errors
      .map(
        ({ directory, error }) =>
          `${several ? `${new URL(directory).host}: ` : ''}${plain(messageOf(error))}`,
      )
      .join('; ')
    // Only the authority ends an order; one that was not reached, or is overloaded, goes on with it later.
    const ended = errors.some(
      ({ error }) => error instanceof OrderFailure || (error instanceof AcmeProblem && error.isFinal),
    )
    const good = one.names.filter((name) => !faults.has(name))
    const split = one.served === null && faults.size > 0 && good.length > 0
    await store.write(async (to) => {
      await to.hide(one.name)
      const current = await to.certificate(one.name)
      if (!current || current.imported) return
      const order = ended ? null : current.order
      const failing = { attempts: waits ? one.attempts : one.attempts + 1, lastError, nextAttempt, order }
      if (!split) await to.put({ ...current, ...failing })
      else {
        // One host that cannot be checked does not hold up the others.
        const bad = one.names.filter((name) => faults.has(name))
        const used = new Set([...store.certificates.keys()].filter((name) => name !== one.name))
        const rest = good.includes(one.name) || used.has(good[0]!) ? one.name : good[0]!
        if (rest !== one.name) await to.remove(one.name)
        await to.put({ ...current, name: rest, names: good, order: null })
        used.add(rest)
        for (const host of bad) {
          const name = used.has(host) ? `${host}-alone` : host
          await to.put({ ...waiting(name, [host]), ...failing, lastError: faults.get(host)! })
        }
      }
      if (waits) return
      const fields = { ...audited(one), error: lastError.slice(0, 1_000) }
      await to.change.audit({ type: 'cert.failed', success: false, reason: 'order_failed', fields })
    })
    counted(waits ? 'waiting' : 'failed').value += 1
    const next = new Date(nextAttempt).toISOString()
    log.warn(
      { certificate: one.name, names: one.names, reason: lastError, next },
      'no certificate was issued',
    )
  }

  return { attempt }
}
