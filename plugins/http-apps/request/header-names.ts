import { headerOwner, isHeaderLine, isReservedInResponse, plainHeaderName } from '@mezite/core/protocol'

/** The request headers that the hub reads, each with its meaning. */
const READ = {
  host: 'host',
  cookie: 'cookie',
  connection: 'connection',
  'content-length': 'length',
  'transfer-encoding': 'encoding',
  expect: 'expect',
  upgrade: 'upgrade',
  te: 'te',
  origin: 'origin',
  referer: 'referer',
  accept: 'accept',
  'x-forwarded-for': 'forwarded-for',
  'sec-fetch-site': 'site',
  'sec-fetch-mode': 'mode',
  'sec-fetch-dest': 'dest',
  'access-control-request-method': 'preflight',
} as const

/** The treatment of a header line of a request: see `classify`. */
export type Fate = 'keep' | 'guarded' | 'drop' | 'refuse' | (typeof READ)[keyof typeof READ]

const read = new Map<string, Fate>(Object.entries(READ))

/** What is known of a header by the spelling of its name. */
interface RequestName {
  readonly lower: string
  readonly fate: Fate
}

/** What becomes of a line of a response: `changed` ones have addresses or cookies. */
interface ResponseName {
  readonly lower: string
  readonly fate: 'keep' | 'drop' | 'connection' | 'length' | 'changed'
}

/**
 * Clients and apps use few names, and thousands of times. The first ones are remembered, with `learn…` for the others, which
 * computes them each time: so nobody can fill the memory, and no flood of names takes a usual one away.
 */
export const requestNames = new Map<string, RequestName>()
export const responseNames = new Map<string, ResponseName>()
const MOST_NAMES = 1_000
const LONGEST_NAME = 64

export function learnRequestName(name: string): RequestName {
  const lower = name.toLowerCase()
  return remember(requestNames, name, { lower, fate: classify(lower) })
}

const CHANGED = ['set-cookie', 'location', 'content-location', 'link', 'refresh', 'clear-site-data']

export function learnResponseName(name: string): ResponseName {
  const lower = name.toLowerCase()
  const reserved = isReservedInResponse(lower)
  const fate =
    lower === 'connection'
      ? 'connection'
      : reserved
        ? 'drop'
        : lower === 'content-length'
          ? 'length'
          : CHANGED.includes(lower)
            ? 'changed'
            : 'keep'
  return remember(responseNames, name, { lower, fate })
}

/** A name may be a part of a whole head, which V8 would keep in memory with it: so a copy is the key. */
function remember<T extends { readonly lower: string }>(names: Map<string, T>, name: string, known: T): T {
  // A copy of another text than a name could be the name of another header.
  if (names.size >= MOST_NAMES || name.length > LONGEST_NAME || !isHeaderLine(name, '')) return known
  const own = { ...known, lower: copyOf(known.lower) }
  names.set(copyOf(name), own)
  return own
}

const copyOf = (text: string): string => Buffer.from(text, 'latin1').toString('latin1')

/**
 * The fate of a request header from a client, by its lower-case name. A spelling with `_`, `.` or the like that a
 * CGI-style server would read as an identity header of the hub is refused (400); one of another reserved name is dropped.
 * Guarded lines, which applications trust as if a proxy had set them, pass only if the app's document names them.
 */
export function classify(name: string): Fate {
  const fate = read.get(name)
  if (fate !== undefined) return fate
  const owner = headerOwner(name)
  if (owner === 'anybody') return spelledAsRead(name) ? 'drop' : 'keep'
  if (owner === 'operator') return 'guarded'
  return owner === 'own' && plainHeaderName(name) !== name ? 'refuse' : 'drop'
}

/** `sec_fetch_site` and the like: an app must not read a different value than the hub. */
function spelledAsRead(name: string): boolean {
  const plain = plainHeaderName(name)
  return plain !== name && read.has(plain)
}

/** True for a name that neither a plugin nor an app's document may set on the way to the app. */
export function isReserved(name: string): boolean {
  const owner = headerOwner(name)
  return owner === 'own' || owner === 'hub' || spelledAsRead(name)
}

/** Trailer fields that could change framing, routing, identity or cookies (RFC 9110 section 6.5.1). */
export function isForbiddenTrailer(name: string): boolean {
  const fate = classify(name)
  return (
    (fate !== 'keep' && fate !== 'accept') ||
    isReservedInResponse(name) ||
    /^(?:set-cookie|authorization|content-|cache-control|max-forwards|trailer$|location$|age$|expires$|date$|vary$)/.test(
      name,
    )
  )
}

/** Names and values in turn as the map that Node.js wants for HTTP/2. */
export function fieldsOf(lines: readonly string[]): Record<string, string[]> {
  // An app may name a field `constructor`.
  const fields: Record<string, string[]> = Object.create(null)
  for (let i = 0; i + 1 < lines.length; i += 2) {
    const name = (lines[i] as string).toLowerCase()
    fields[name] = [...(fields[name] ?? []), lines[i + 1] as string]
  }
  return fields
}
