import { type Static, Type } from '@mezite/core'
import { isNetwork } from '@mezite/core/identity'

const LEAST_SECRET = 32
const NAME = '^[a-z0-9][a-z0-9-]{0,62}$'

/** How a proxy describes requests, and which responses it passes on. */
export const KINDS = ['nginx', 'haproxy', 'envoy', 'caddy', 'traefik'] as const

const OneProxy = Type.Closed({
  kind: Type.OneOf(KINDS, {
    description: 'How it describes requests: nginx, haproxy, envoy, caddy or traefik',
  }),
  secret: Type.Secret({
    description: `What it sends as \`Mezite-Proxy-Secret\`: at least ${LEAST_SECRET} characters, of this proxy alone`,
  }),
  networks: Type.Optional(
    Type.Array(Type.String({ maxLength: 64 }), {
      minItems: 1,
      maxItems: 100,
      description: 'Addresses and networks from which it asks; default: any',
    }),
  ),
})

/** `plugins: verdicts:` in mezhub.yaml. */
export const Config = Type.Closed({
  proxies: Type.Map(OneProxy, {
    minProperties: 1,
    propertyNames: { pattern: NAME },
    description: 'Your proxies, by a name that records show',
  }),
})

/** A proxy in the configuration. */
export type ProxyConfig = Static<typeof OneProxy>

/** What the schema cannot say. */
export function faultsOf({ proxies }: Static<typeof Config>): { path: string[]; message: string }[] {
  const faults: { path: string[]; message: string }[] = []
  const seen = new Map<string, string>()
  for (const [name, { secret, networks = [] }] of Object.entries(proxies)) {
    const path = ['proxies', name]
    const fault = (key: string, message: string) =>
      faults.push({ path: [...path, ...key.split('.')], message })
    if (!new RegExp(NAME).test(name))
      faults.push({ path, message: 'the name must be small letters, digits and hyphens' })
    if (!/^[\x21-\x7e]+$/.test(secret) || secret.length < LEAST_SECRET)
      fault('secret', `must have at least ${LEAST_SECRET} printable characters without spaces`)
    const other = seen.get(secret)
    if (other !== undefined) fault('secret', `must differ from that of ${other}`)
    seen.set(secret, name)
    for (const [at, network] of networks.entries())
      if (!isNetwork(network)) fault(`networks.${at}`, 'must be an address or a network such as 10.0.0.0/8')
  }
  return faults
}
