/** One request, or what pretends to be one, and the verdict that is due. */
export interface RequestCase {
  readonly name: string
  /** Who demands the verdict. */
  readonly rule: string
  /** The bytes, in Latin-1; `{host}`, `{cookie}` and `{path}` stand for what the server under test knows. */
  readonly bytes: string
  readonly app: Verdict
  readonly hub: Verdict
}

/** What comes back on the connection. */
export interface Verdict {
  /** In the order of the requests in `bytes`. */
  readonly statuses: readonly number[]
  /** Whether another request on the same connection is served. A hostile request ends its connection. */
  readonly after: 'kept' | 'closed'
}

export const closed = (...statuses: number[]): Verdict => ({ statuses, after: 'closed' })
export const kept = (...statuses: number[]): Verdict => ({ statuses, after: 'kept' })
export const bad = closed(400)

/** A request with a sound head but for the given lines. */
export function ask(line: string, lines: readonly string[] = [], body = ''): string {
  const all = [line, 'Host: {host}', 'Cookie: {cookie}', ...lines]
  return `${all.join('\r\n')}\r\n\r\n${body}`
}
export const get = (...lines: string[]): string => ask('GET {path} HTTP/1.1', lines)
export const FORM = 'Content-Type: application/x-www-form-urlencoded'
export const post = (lines: readonly string[], body: string): string =>
  ask('POST {path} HTTP/1.1', [FORM, ...lines], body)
export const chunks = (body: string): string => post(['Transfer-Encoding: chunked'], body)
/** A request whose Host is its only fault. */
export const named = (...hosts: string[]): string =>
  ['GET {path} HTTP/1.1', ...hosts.map((host) => `Host: ${host}`), 'Cookie: {cookie}', '', ''].join('\r\n')

type Row = readonly [name: string, bytes: string, app: Verdict, hub?: Verdict]

/** The hub's own host answers as apps' hosts do where nothing else is said. */
export function section(group: string, rule: string, rows: readonly Row[]): RequestCase[] {
  return rows.map(([name, bytes, app, hub = app]) => ({ name: `${group}: ${name}`, rule, bytes, app, hub }))
}
