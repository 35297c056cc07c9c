import { messageOf } from '@mezite/core'
import { createAccounts } from './accounts.ts'
import { type AttemptParts, audited, createAttempts, waiting } from './attempts.ts'
import { type Plan, plan } from './plan.ts'
import { suggestedRenewal } from './renewal.ts'
import type { Certificate } from './store.ts'

const HOUR_MS = 3_600_000

export interface UpkeepParts extends Omit<AttemptParts, 'accounts'> {
  readonly hosts: () => Parameters<typeof plan>[0]
}

/** The work of the one hub that orders: plans, orders one certificate after the other, asks when to renew. */
export function createUpkeep(parts: UpkeepParts) {
  const { settings, store, clock, log } = parts
  const accounts = createAccounts(settings, store)
  const { attempt } = createAttempts({ ...parts, accounts })

  const pending = (): Plan =>
    plan(
      parts.hosts(),
      [...store.certificates.values()].map((one) => ({ ...one, ready: one.served !== null })),
    )

  async function applyPlan(): Promise<void> {
    const { add, change, remove } = pending()
    if (add.length + change.length + remove.length === 0) return
    await store.write(async (to) => {
      // Certificates that were imported since the plan stay as they are; the next plan counts with them.
      for (const name of remove) {
        const gone = await to.certificate(name)
        if (!gone || gone.imported) continue
        await to.hide(name)
        await to.remove(name)
        await to.change.audit({ type: 'cert.removed', success: true, fields: audited(gone) })
      }
      for (const { name, names } of change) {
        const old = await to.certificate(name)
        // An order that was begun is for the names of before.
        if (old && !old.imported) await to.put({ ...old, names, order: null })
      }
      for (const { name, names } of add) if (!(await to.certificate(name))) await to.put(waiting(name, names))
    })
  }

  const isDue = ({ imported, served, renewAt, nextAttempt }: Certificate): boolean =>
    !imported &&
    (served === null || (renewAt !== null && renewAt <= clock.now())) &&
    (nextAttempt === null || nextAttempt <= clock.now())

  /** The hub's own names first, then hosts without a certificate. */
  function nextDue(): Certificate | undefined {
    const { own, wildcards } = parts.hosts()
    const rank = ({ names, served }: Certificate) =>
      names.some((name) => own.includes(name) || wildcards.includes(name)) ? 0 : served === null ? 1 : 2
    return [...store.certificates.values()].filter(isDue).sort((a, b) => rank(a) - rank(b))[0]
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
          return { renewAt: null, checkAt: clock.now() + HOUR_MS }
        })
      await store.write(async (to) => {
        const now = await to.certificate(one.name)
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
