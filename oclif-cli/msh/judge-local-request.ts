/** Header names and values in turn, as they came. */
export type RawHeaders = readonly string[]

/**
 * Whether a request to a local port may come from a web page of somebody else: with DNS rebinding (`Host`), from
 * another origin, or across sites. Null: it may pass. Otherwise a sentence that says what is wrong.
 */
export function judgeLocalRequest(headers: RawHeaders, port: number): string | null {
  const of = (name: string) =>
    headers.filter((_, at) => at % 2 === 1 && headers[at - 1]!.toLowerCase() === name)
  const hosts = of('host').map((host) => host.toLowerCase())
  const own = [`127.0.0.1:${port}`, `localhost:${port}`]
  if (port === 80) own.push('127.0.0.1', 'localhost')
  const [host] = hosts
  if (hosts.length !== 1 || host === undefined || !own.includes(host)) {
    return `This port answers to 127.0.0.1:${port} and localhost:${port} only.`
  }
  if (of('origin').some((origin) => origin.toLowerCase() !== `http://${host}`)) {
    return 'Pages of other origins may not use this port.'
  }
  // `none` is an address that the person typed. Anything else comes from a page of another site or port.
  if (of('sec-fetch-site').some((site) => site !== 'same-origin' && site !== 'none')) {
    return 'Pages of other sites may not use this port.'
  }
  return null
}

/** True when the first bytes of a connection are an HTTP request that a page of somebody else made a browser send. */
export function isForeignPage(first: Buffer, port: number): boolean {
  const head = first.toString('latin1', 0, 16_384)
  if (!/^[A-Z]{3,16} [^\r\n]{1,8192} HTTP\/1\.[01]\r\n/.test(head)) return false
  const end = head.indexOf('\r\n\r\n')
  const lines = (end === -1 ? head : head.slice(0, end)).split('\r\n').slice(1)
  const headers = lines.flatMap((line) => {
    const colon = line.indexOf(':')
    return colon > 0 ? [line.slice(0, colon), line.slice(colon + 1).trim()] : []
  })
  // A program that is no browser may well speak HTTP to a TCP app, under any name.
  const browser = headers.some((name, at) => at % 2 === 0 && /^(origin|sec-fetch-[a-z]+)$/i.test(name))
  return browser && judgeLocalRequest(headers, port) !== null
}
