/** A way to the same application, as a load generator sees it. */
export interface Target {
  readonly name: string
  readonly port: number
  /** Host of the requests and server name of the handshake. */
  readonly host: string
  /** The `Cookie` of the connection with this number; null where nobody is asked who they are. */
  readonly cookie: ((connection: number) => string) | null
  /** The header that carries `cookie`; default: `Cookie`. */
  readonly header?: 'Cookie' | 'Authorization' | 'Mezite-Device'
  /** What it does for each request, so that a row compares like with like. */
  readonly includes: string
  /** Whose processor time counts, by name. */
  readonly processes: Readonly<Record<string, number>>
}

/** Request heads for so many connections, blank line included. */
export function heads(target: Target, count: number, line: string, fields: readonly string[] = []): string[] {
  const origin = `https://${target.host}${target.cookie ? `:${target.port}` : ''}`
  return Array.from({ length: count }, (_, connection) =>
    [
      `${line} HTTP/1.1`,
      `Host: ${new URL(origin).host}`,
      `Origin: ${origin}`,
      'User-Agent: mezite-bench',
      'Accept: */*',
      ...(target.cookie ? [`${target.header ?? 'Cookie'}: ${target.cookie(connection)}`] : []),
      ...fields,
      '\r\n',
    ].join('\r\n'),
  )
}
