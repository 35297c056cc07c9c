/** Names of one certificate: more would make one failing name hold up more others, and authorities allow 100. */
const MOST_NAMES = 50

export interface Planned {
  readonly name: string
  readonly names: readonly string[]
  readonly imported: boolean
  /** Whether there is a certificate now. */
  readonly ready: boolean
}

/** What to change about the certificates so that every host has one. */
export interface Plan {
  readonly add: readonly { readonly name: string; readonly names: readonly string[] }[]
  /** Names of the next order of a certificate that stays. */
  readonly change: readonly { readonly name: string; readonly names: readonly string[] }[]
  readonly remove: readonly string[]
}

/** Whether a name of a certificate covers the host, exactly or as one label under a wildcard. */
export const covers = (name: string, host: string): boolean =>
  name === host || (name.startsWith('*.') && host.slice(host.indexOf('.')) === name.slice(1))

/**
 * Names that belong together get one certificate. `own` are the hub's hosts, none if files serve them; `wildcards` are
 * the names that cover apps, or empty if each gets its own.
 */
export function plan(
  hosts: {
    readonly own: readonly string[]
    readonly apps: readonly string[]
    readonly wildcards: readonly string[]
  },
  certificates: readonly Planned[],
): Plan {
  const { own, apps, wildcards } = hosts
  const all = [...new Set([...own, ...apps])]
  const imported = certificates.filter((one) => one.imported)
  const ordered = certificates.filter((one) => !one.imported)
  const covered = (host: string) =>
    wildcards.some((name) => covers(name, host)) ||
    imported.some(({ names }) => names.some((name) => covers(name, host)))
  const wanted = new Set([...wildcards, ...all.filter((host) => !covered(host))])

  /** Whether a certificate that stays serves the host. */
  const readyElsewhere = (host: string, but: Planned) =>
    certificates.some(
      (one) =>
        one !== but &&
        one.ready &&
        (one.imported || one.names.some((name) => wanted.has(name))) &&
        one.names.some((name) => covers(name, host)),
    )
  const change: { name: string; names: readonly string[] }[] = []
  const remove: string[] = []
  const taken = new Set<string>()
  for (const one of ordered) {
    const kept = one.names.filter((name) => wanted.has(name) && !taken.has(name))
    for (const name of kept) taken.add(name)
    // Until the wildcards are there, the certificates of before serve on.
    const serves = one.ready && one.names.some((name) => all.includes(name) && !readyElsewhere(name, one))
    if (kept.length === 0 && !serves) remove.push(one.name)
    else if (kept.length > 0 && kept.length < one.names.length) change.push({ name: one.name, names: kept })
  }

  const missing = [...wanted].filter((name) => !taken.has(name))
  // With wildcards the hub's names share its certificate.
  const first = missing.filter((name) => own.includes(name) || wildcards.includes(name))
  const rest = missing.filter((name) => !first.includes(name)).sort()
  const groups = first.length > 0 ? [first] : []
  for (let at = 0; at < rest.length; at += MOST_NAMES) groups.push(rest.slice(at, at + MOST_NAMES))
  const used = new Set(certificates.map(({ name }) => name).filter((name) => !remove.includes(name)))
  const add = groups.map((names) => {
    const base = names[0]!
    let name = base
    for (let count = 2; used.has(name); count++) name = `${base}-${count}`
    used.add(name)
    return { name, names }
  })
  return { add, change, remove }
}
