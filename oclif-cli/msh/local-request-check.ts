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
