import { hostname } from 'node:os'
import { setTimeout as sleep } from 'node:timers/promises'
import { type Clock, type Log, type Metrics, messageOf, type Revisions } from '@mezite/core'
import { createAccounts, membersOf } from './accounts.ts'
import { AcmeProblem } from './authority.ts'
import { issuerOf, namesOf } from './chain-check.ts'
import { type AcmeSettings, isPublic } from './config.ts'
import type { createDnsProof } from './dns-proof.ts'
import { nameFaults } from './name-check.ts'
import { describe, OrderFailure, order } from './order.ts'
import { type Plan, plan } from './plan.ts'
import { mustWait, Waiting, WEEK_MS } from './rate-limits.ts'
import { renewalTime, suggestedRenewal } from './renewal.ts'
import type { Certificate, Challenge, Store } from './store.ts'

const MINUTE_MS = 60_000
const LONGEST_WAIT_MS = 6 * 60 * MINUTE_MS
/** How old a certificate is at least before it is renewed, even if the authority wants that sooner. */
const SOONEST_MS = 60 * MINUTE_MS
/** By then every hub has read the change: they look at least every second. */
const SPREAD_MS = 1_500

export interface UpkeepParts {
  readonly settings: AcmeSettings
  readonly store: Store
  readonly hosts: () => Parameters<typeof plan>[0]
  readonly dns: ReturnType<typeof createDnsProof> | null
  readonly revisions: Pick<Revisions, 'alone'>
  readonly metrics: Pick<Metrics, 'counters'>
  readonly clock: Clock
  readonly log: Log
}

/** A row for names that have no certificate yet. */
export const waiting = (name: string, names: readonly string[]): Omit<Certificate, 'leaf'> => ({
  ...{
    name,
    names,
    imported: false,
    served: null,
    directory: null,
    hub: null,
    renewAt: null,
    renewalCheck: null,
  },
  ...{ attempts: 0, lastError: null, nextAttempt: null, order: null },
})

/** Fields of an audit event. */
export const audited = ({ name, names }: Pick<Certificate, 'name' | 'names'>) => ({
  name,
  names: names.join(', '),
})

/** The work of the one hub that orders: plans, orders one certificate after the other, asks when to renew. */
export function createUpkeep(parts: UpkeepParts) {
  const { settings, store, dns, clock, log } = parts
  const accounts = createAccounts(settings, store)
  const counted = parts.metrics.counters('mezite_acme_orders_total', 'Orders of certificates by this hub', [
    'outcome',
  ])

  const pending = (): Plan =>
    plan(
      parts.hosts(),
      [...store.certificates.values()].map((one) => ({ ...one, ready: one.served !== null })),
    )

  async function applyPlan(): Promise<void> {
    const { add, change, remove } = pending()
    if (add.length + change.length + remove.length === 0) return
    await store.write(async (to) => {
      for (const name of remove) {
        const gone = store.certificates.get(name)
        if (!gone) continue
        await to.hide(name)
        await to.remove(name)
        await to.change.audit({ type: 'cert.removed', success: true, fields: audited(gone) })
      }
      for (const { name, names } of change) {
        const old = store.certificates.get(name)
        // An order that was begun is for the names of before.
        if (old) await to.put({ ...old, names, order: null })
      }
      for (const { name, names } of add) await to.put(waiting(name, names))
    })
  }

  const isDue = ({ imported, served, renewAt, nextAttempt }: Certificate): boolean =>
    !imported &&
    (served === null || (renewAt !== null && renewAt <= clock.now())) &&
    (nextAttempt === null || nextAttempt <= clock.now())

  /** The hub's own names first, then hosts without a certificate. */
  function nextDue(): Certificate | undefined {
    const { own, wildcard } = parts.hosts()
    const rank = ({ names, served }: Certificate) =>
      names.some((name) => own.includes(name) || name === wildcard) ? 0 : served === null ? 1 : 2
    return [...store.certificates.values()].filter(isDue).sort((a, b) => rank(a) - rank(b))[0]
  }

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
          const now = store.certificates.get(name)
          if (now) await to.put({ ...now, order })
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
        await to.put({
          ...waiting(name, names),
          ...{ served, directory, hub: hostname(), renewAt, renewalCheck: clock.now() + SOONEST_MS },
        })
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
    const errors: { readonly directory: string; readonly error: unknown }[] = []
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

  async function failed(
    one: Certificate,
    errors: readonly { readonly directory: string; readonly error: unknown }[],
  ): Promise<void> {
    const now = clock.now()
    const faults = new Map(
      errors.flatMap(({ error }) => (error instanceof OrderFailure ? [...error.faults] : [])),
    )
    const waits = errors.every(({ error }) => error instanceof Waiting)
    const backoffMs = Math.min(MINUTE_MS * 2 ** one.attempts, LONGEST_WAIT_MS) * (0.9 + Math.random() * 0.2)
    const times = errors.map(({ error }) => {
      if (error instanceof Waiting) return error.until
      const afterMs = error instanceof AcmeProblem ? error.retryAfterMs : null
      return now + Math.max(backoffMs, afterMs ?? 0)
    })
    const nextAttempt = Math.min(...times)
    const several = errors.length > 1
    const lastError = errors
      .map(({ directory, error }) => `${several ? `${new URL(directory).host}: ` : ''}${messageOf(error)}`)
      .join('; ')
    // Only the authority ends an order; one that was not reached, or is overloaded, goes on with it later.
    const ended = errors.some(
      ({ error }) => error instanceof OrderFailure || (error instanceof AcmeProblem && error.isFinal),
    )
    const good = one.names.filter((name) => !faults.has(name))
    const split = one.served === null && faults.size > 0 && good.length > 0
    await store.write(async (to) => {
      await to.hide(one.name)
      const current = store.certificates.get(one.name)
      if (!current) return
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

  /** Asks the authority when it wants certificates renewed. */
  async function askForTimes(signal: AbortSignal): Promise<void> {
    for (const one of [...store.certificates.values()]) {
      const { leaf, directory, renewalCheck } = one
      if (signal.aborted) return
      if (!leaf || directory === null || renewalCheck === null || renewalCheck > clock.now()) continue
      if (!settings.directories.includes(directory)) continue
      const said = await accounts
        .open(directory)
        .then((authority) => suggestedRenewal(authority, leaf, clock.now()))
        .catch((error) => {
          log.debug({ certificate: one.name, reason: messageOf(error) }, 'the time of renewal is unknown')
          return { renewAt: null, checkAt: clock.now() + 60 * MINUTE_MS }
        })
      await store.write(async (to) => {
        const now = store.certificates.get(one.name)
        // The time within the window is drawn once, unless the window no longer has it.
        if (now?.served !== one.served || !now) return
        const renewAt =
          said?.renewAt == null ? now.renewAt : Math.min(said.renewAt, now.renewAt ?? said.renewAt)
        await to.put({ ...now, renewAt, renewalCheck: said?.checkAt ?? null })
      })
    }
  }

  return {
    /** Whether hosts have changed so that `run` has something to do. */
    hasWork: () => Object.values(pending()).some((list) => list.length > 0),
    async run(signal: AbortSignal): Promise<string> {
      const tried = new Set<string>()
      for (;;) {
        await applyPlan()
        const next = nextDue()
        if (next === undefined || signal.aborted) break
        tried.add(next.name)
        await attempt(next, signal)
      }
      await askForTimes(signal)
      const ready = [...store.certificates.values()].filter(({ served }) => served !== null).length
      return `${ready} of ${store.certificates.size} certificates are there, ${tried.size} ordered now`
    },
  }
}
