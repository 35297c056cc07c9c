import type { Resource } from '@mezite/cli'

/** The spec of a bot as the hub sent it. */
export const specOf = (bot: Resource) =>
  (bot.spec ?? {}) as { keys?: unknown[]; trust?: { issuer?: unknown }[] } & Readonly<Record<string, unknown>>

/** Whether the person for whom it acts has agreed. */
export const isAgreed = (bot: Resource) => specOf(bot).acts_for === undefined || bot.status?.consented != null

/** `2 keys, token.actions.githubusercontent.com, secret`. */
export function proofsOf(bot: Resource): string[] {
  const { keys = [], trust = [] } = specOf(bot)
  const hosts = trust.map(({ issuer }) => URL.parse(String(issuer))?.host ?? String(issuer))
  return [
    ...(keys.length === 0 ? [] : [keys.length === 1 ? '1 key' : `${keys.length} keys`]),
    ...new Set(hosts),
    ...(bot.status?.secret_created ? ['secret'] : []),
  ]
}
