import type { Attempt } from './store.ts'

const HOUR_MS = 3_600_000
export const WEEK_MS = 7 * 24 * HOUR_MS

/**
 * Limits of Let's Encrypt, which are the strictest of the public authorities: a hub that keeps them is never refused
 * (https://letsencrypt.org/docs/rate-limits/). All names of the hub count as one registered domain.
 */
const ORDERS = { most: 300, withinMs: 3 * HOUR_MS }
const NEW_CERTIFICATES = { most: 50, withinMs: WEEK_MS }
const SAME_NAMES = { most: 5, withinMs: WEEK_MS }
const FAILED_VALIDATIONS = { most: 5, withinMs: HOUR_MS }

/** Which limit would be passed by one more order, and when it is not any more. */
export interface Wait {
  readonly until: number
  readonly reason: string
}

/** The hub keeps within a limit of the authority. */
export class Waiting extends Error {
  readonly until: number

  constructor({ reason, until }: Wait) {
    super(`the authority allows ${reason}; the hub waits until ${new Date(until).toISOString()}`)
    this.until = until
  }
}

/** Null: the order may be made now. `attempts` are those of one directory, oldest first. */
export function mustWait(
  attempts: readonly Attempt[],
  next: { readonly names: readonly string[]; readonly renewal: boolean },
  now: number,
): Wait | null {
  const names = [...next.names].sort().join()
  const same = ({ names: others }: Attempt) => [...others].sort().join() === names
  const rules: [{ most: number; withinMs: number }, (one: Attempt) => boolean, string][] = [
    [ORDERS, () => true, 'orders in 3 hours'],
    [SAME_NAMES, (one) => one.issued && same(one), 'certificates for the same names in a week'],
    ...next.names.map((name): (typeof rules)[number] => [
      FAILED_VALIDATIONS,
      ({ failed }) => failed.includes(name),
      `failed checks of ${name} in an hour`,
    ]),
  ]
  if (!next.renewal)
    rules.push([NEW_CERTIFICATES, (one) => one.issued && !one.renewal, 'new certificates in a week'])
  let wait: Wait | null = null
  for (const [{ most, withinMs }, counts, what] of rules) {
    const counted = attempts.filter((one) => one.at > now - withinMs && counts(one))
    if (counted.length < most) continue
    const until = counted[counted.length - most]!.at + withinMs
    if (wait === null || until > wait.until) wait = { until, reason: `${most} ${what}` }
  }
  return wait
}
