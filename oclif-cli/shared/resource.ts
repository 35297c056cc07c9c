/** A resource document in a response of the hub, of this version or another: any part may be missing. */
export interface Resource {
  readonly kind?: string
  readonly version?: string
  readonly metadata?: {
    readonly name?: string
    readonly description?: string | null
    readonly labels?: Readonly<Record<string, unknown>>
    readonly expires?: string | null
  }
  readonly spec?: Readonly<Record<string, unknown>>
  readonly status?: Readonly<Record<string, unknown>>
}

/** An object without a document: an agent, a session, a lock, a token. */
export type Flat = Readonly<Record<string, unknown>>

/** The list in a response; anything else counts as empty. */
export function listOf<T = Flat>(response: unknown): readonly T[] {
  return Array.isArray(response) ? response : []
}

/** The resource in `{resource, created}`, or the response itself. */
export function resourceOf(response: unknown): Resource {
  const { resource } = (response ?? {}) as { resource?: Resource }
  return resource ?? ((response ?? {}) as Resource)
}

/** The name of a document or of a flat object. */
export function nameOf(object: Resource | Flat): string {
  const { metadata, name } = object as Resource & Flat
  return String(metadata?.name ?? name ?? '')
}

/** Where people open an app: its URL with the port of the hub; the host name of an app that browsers cannot open. */
export function addressOf(url: unknown, host: unknown): unknown {
  return typeof url === 'string' ? url.replace(/\/$/, '') : host
}

/** The effect of a change: the number of live connections cut, on how many hubs, and how long that took. */
export interface Cut {
  readonly streams?: unknown
  readonly hubs?: unknown
  readonly ms?: unknown
  readonly unconfirmed?: unknown
}

/** ` 14 live connections cut on 2 hubs (212 ms).` for the `cut` in a response; empty if there is none. */
export function cutText(response: unknown): string {
  const { streams, hubs, ms, unconfirmed } = (response as { cut?: Cut } | null)?.cut ?? {}
  if (typeof streams !== 'number' || typeof hubs !== 'number' || typeof ms !== 'number') return ''
  const cut =
    hubs === 0 ? '' : ` ${count(streams, 'live connection')} cut on ${count(hubs, 'hub')} (${ms} ms).`
  if (typeof unconfirmed !== 'number' || unconfirmed === 0) return cut
  return `${cut} ${count(unconfirmed, 'hub')} did not confirm in time.`
}

/** `1 session`, `2 sessions`. */
export function count(amount: number, noun: string): string {
  return `${amount} ${noun}${amount === 1 ? '' : 's'}`
}
