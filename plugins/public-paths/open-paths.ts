import type { App } from '@mezite/core'
import type { Authority } from './authority.ts'
import type { Rule } from './rules.ts'
import { keyOf } from './signature.ts'

/** What an operator should know about the public paths of an app. */
export function findingsOf(
  app: App,
  {
    rulesOf,
    authorities,
    proxied,
    secrets,
    now,
  }: {
    readonly rulesOf: (app: App) => readonly Rule[]
    readonly authorities: ReadonlyMap<string, Authority>
    /** Ids of apps whose senders came through a proxy that ends TLS. */
    readonly proxied: ReadonlySet<string>
    readonly secrets: ReadonlyMap<string, string>
    /** Milliseconds since the epoch. */
    readonly now: number
  },
): readonly { readonly subject: string; readonly message: string }[] {
  const subject = `app ${app.name}`
  let rules: readonly Rule[]
  try {
    rules = rulesOf(app)
  } catch {
    return [
      { subject, message: 'its public paths cannot be read, so none is open; write the document again' },
    ]
  }
  return rules.flatMap((rule) => {
    const { name, check, methods, paths } = rule
    const about = { subject: `${subject}, rule ${name}` }
    if (check.kind === 'anyone')
      return [{ ...about, message: `anyone may send ${methods.join(', ')} to ${paths.join(', ')}` }]
    if (check.kind === 'networks') return []
    if (check.kind === 'certificate') {
      const message = certificateFault(authorities.get(check.ca), check.ca, now)
      if (app.uri === 'none' || proxied.has(app.id))
        return [
          { ...about, message: 'a proxy ends TLS before the hub, which sees no certificate of clients' },
        ]
      return message === null ? [] : [{ ...about, message }]
    }
    const missing = check.secrets.filter((one) => !secrets.has(one))
    const shared =
      check.kind === 'secret' && check.hidden
        ? [{ ...about, message: 'a shared secret names nobody; prefer a device or a bot' }]
        : []
    const misshapen =
      check.kind === 'signature'
        ? check.secrets.filter(
            (one) => keyOf(check.form, secrets.get(one) ?? 'whsec_AAAAAAAAAAAAAAAAAAAAAAAA') === null,
          )
        : []
    return [
      ...shared,
      ...(missing.length === 0
        ? []
        : [{ ...about, message: `plugins.public-paths.secrets has no ${missing.join(', ')}` }]),
      ...(misshapen.length === 0
        ? []
        : [{ ...about, message: `${misshapen.join(', ')} is not a secret of this sender (whsec_…)` }]),
    ]
  })
}

function certificateFault(authority: Authority | undefined, name: string, now: number): string | null {
  if (authority === undefined) return `plugins.public-paths.authorities has no ${name}`
  const { validTo } = authority
  return validTo > now ? null : `a certificate of ${name} ended at ${new Date(validTo).toISOString()}`
}
