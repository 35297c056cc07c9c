import { appsDomainOf, type Clock, type certificates, type PublicNames, type SlotRef } from '@mezite/core'
import { namesOf } from './chain-check.ts'
import { overdueTime } from './renewal.ts'
import type { Certificate, Served, Store } from './store.ts'

type CertificateSource = typeof certificates extends SlotRef<infer T> ? T : never

/** What a certificate is now: `failing` also if one is there that cannot be renewed. */
export function stateOf({ imported, served, lastError }: Certificate): string {
  if (lastError !== null) return 'failing'
  if (imported) return 'imported'
  return served === null ? 'ordering' : 'valid'
}

/** Why there is no certificate, or no newer one, for an operator. */
function problemOf({ leaf, lastError, nextAttempt }: Certificate): string | null {
  if (lastError === null) return null
  const still = leaf ? `; the certificate of before is served until ${leaf.validToDate.toISOString()}` : ''
  const next = nextAttempt === null ? '' : `; next attempt at ${new Date(nextAttempt).toISOString()}`
  return `${lastError}${still}${next}`
}

/** The certificates in memory, as the hub asks for them with each connection. */
export function createSource(
  store: Store,
  hosts: {
    /** The hub's hosts that it orders for; empty if files serve them. */
    readonly own: readonly string[]
    /** All hosts of the hub, which never are apps. */
    readonly hub: readonly string[]
    readonly names: Pick<PublicNames, 'appsDomains'>
  },
  clock: Clock,
): CertificateSource {
  let indexed = -1
  let byName = new Map<string, Certificate>()

  /** The certificate that names exactly this; of several an imported one, then the one that expires last. */
  function index(): ReadonlyMap<string, Certificate> {
    if (indexed === store.version) return byName
    const rank = ({ imported, leaf }: Certificate) => [
      leaf!.validToDate.getTime() > clock.now() ? 1 : 0,
      imported ? 1 : 0,
      leaf!.validToDate.getTime(),
    ]
    const better = (one: Certificate, other: Certificate) => {
      const [a, b] = [rank(one), rank(other)]
      const at = a.findIndex((value, index) => value !== b[index])
      return at >= 0 && a[at]! > b[at]!
    }
    byName = new Map()
    for (const one of store.certificates.values()) {
      for (const name of one.leaf ? namesOf(one.leaf) : []) {
        const other = byName.get(name)
        if (!other || better(one, other)) byName.set(name, one)
      }
    }
    indexed = store.version
    return byName
  }
  const covers = (host: string): boolean =>
    hosts.own.includes(host) || (appsDomainOf(host, hosts.names) !== null && !hosts.hub.includes(host))
  const wildcard = (host: string) => `*${host.slice(host.indexOf('.'))}`

  return {
    name: 'acme',
    covers,
    certificateFor(host): Served | null {
      if (!covers(host)) return null
      const names = index()
      return (names.get(host) ?? names.get(wildcard(host)))?.served ?? null
    },
    states: () =>
      [...store.certificates.values()].map((one) => ({
        subject: one.name,
        names: one.names,
        expires: one.leaf?.validToDate.getTime() ?? null,
        problem: problemOf(one),
        ...(one.leaf && !one.imported && { overdue: overdueTime(one.leaf) }),
      })),
    alpn: 'acme-tls/1',
    alpnCertificate(host): Served | null {
      const proofs = store.challenges.get(host)?.map(({ proof }) => proof) ?? []
      // The newest order is last.
      const proof = proofs.findLast((one) => 'tls' in one)
      return proof && 'tls' in proof ? proof.tls : null
    },
    httpChallenge(host, token): string | null {
      const proof = store.challenges.get(host)?.find((one) => one.token === token)?.proof
      return proof && 'text' in proof ? proof.text : null
    },
  }
}
