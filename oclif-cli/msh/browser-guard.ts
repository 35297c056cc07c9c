import { isIP } from 'node:net'
import type { StreamPipe } from '@mezite/core/protocol'

/** Browsers send the start of a request at once; 50 ms do not noticeably delay other clients. */
const START_MS = 50
const HEAD_MS = 5_000
const NOTHING: Buffer = Buffer.alloc(0)
/** The guard does not wait for the end of a longer request head. */
export const LONGEST_HEAD = 64 * 1024

/**
 * Keeps web pages away from the local port of a TCP app. A page can make a browser send an HTTP request to any local
 * port, and some servers take its lines for commands. Bytes that may be an HTTP request therefore stay here until the
 * head is complete. If a page sent them, or if that cannot be ruled out, `refuse` is called once with a phrase to put
 * before the port, and no byte reaches the app. Everything else passes at once; the other direction is never delayed.
 * Returns a function that drops the held bytes, for a client that has disconnected.
 */
export function guardPort(
  pipe: Pick<StreamPipe, 'write' | 'end'>,
  port: number,
  refuse: (what: string) => void,
): () => void {
  const write = pipe.write.bind(pipe)
  const end = pipe.end.bind(pipe)
  let held = NOTHING
  let timer: NodeJS.Timeout | undefined
  let inHead = false

  function stop(): void {
    clearTimeout(timer)
    pipe.write = write
    pipe.end = end
  }
  function pass(): boolean {
    stop()
    const bytes = held
    held = NOTHING
    return bytes.length === 0 || write(bytes)
  }
  function block(what: string): true {
    stop()
    pipe.write = () => true
    pipe.end = () => {}
    refuse(what)
    return true
  }

  // The relay is unaware of the guard: it writes to the pipe and ends it as usual.
  pipe.write = (chunk) => {
    held = held.length === 0 ? chunk : Buffer.concat([held, chunk])
    const kind = classifyFirstBytes(held, port)
    if (kind === 'other') return pass()
    if (kind === 'page') return block('a web page tried to use')
    if (kind === 'start') {
      timer ??= setTimeout(pass, START_MS)
      return true
    }
    if (held.length >= LONGEST_HEAD) return block('an HTTP request with a head over 64 KiB arrived at')
    if (!inHead) {
      inHead = true
      clearTimeout(timer)
      timer = setTimeout(() => block('an HTTP request stalled in its head at'), HEAD_MS)
    }
    return true
  }
  pipe.end = () => {
    // A browser never ends within the first line.
    if (inHead && held.includes('\n')) return void block('an HTTP request ended within its head at')
    pass()
    end()
  }
  return stop
}

const START = /^[!#$%&'*+.^_`|~0-9a-z-]+ (?:\/|http)/i
const PART_OF_START = /^[!#$%&'*+.^_`|~0-9a-z-]*(?: (?:h(?:t(?:tp?)?)?)?)?$/i

/**
 * The first bytes of a connection. `page`: an HTTP request that a web page of another origin made a browser send. `head`:
 * an HTTP request whose head is incomplete. `start`: bytes that may still become an HTTP request. `other`: anything else.
 */
export type FirstBytes = 'page' | 'head' | 'start' | 'other'

/** Classifies all bytes that a connection to the local port has sent so far. */
export function classifyFirstBytes(bytes: Buffer, port: number): FirstBytes {
  const text = bytes.toString('latin1', 0, LONGEST_HEAD)
  if (PART_OF_START.test(text)) return text.length < LONGEST_HEAD ? 'start' : 'other'
  if (!START.test(text)) return 'other'
  // Other protocols have similar lines. Browsers send one of these versions, and CRLF.
  const firstLine = text.indexOf('\n')
  if (firstLine !== -1 && !/ HTTP\/1\.[01]\r$/.test(text.slice(0, firstLine))) return 'other'
  const end = text.indexOf('\r\n\r\n')
  if (end === -1) return 'head'
  return isForeignPage(text.slice(0, end).split('\r\n').slice(1), port) ? 'page' : 'other'
}

/** Programs other than browsers may send HTTP to a TCP app, under any host name. */
function isForeignPage(lines: readonly string[], port: number): boolean {
  const headers: string[] = []
  let hasOrigin = false
  let fromBrowser = false
  let foreignHost = false
  for (const line of lines) {
    const colon = line.indexOf(':')
    if (colon <= 0) continue
    const [name, value] = [line.slice(0, colon), line.slice(colon + 1).trim()]
    headers.push(name, value)
    if (/^(origin|sec-fetch-[a-z]+)$/i.test(name)) hasOrigin = true
    // A rebound page's request lacks those two. A page can change the values of the following, but not remove them.
    if (/^accept-language$/i.test(name)) fromBrowser = true
    if (/^user-agent$/i.test(name) && value.startsWith('Mozilla/')) fromBrowser = true
    if (/^host$/i.test(name) && isForeignHost(value)) foreignHost = true
  }
  if (fromBrowser && foreignHost) return true
  return hasOrigin && crossOriginProblem(headers, port) !== null
}

/**
 * True for names other than localhost, which DNS can later point at this machine, and for addresses that reach this
 * machine although browsers do not treat them as local and so omit that a page of another site sent the request.
 */
function isForeignHost(host: string): boolean {
  const name = host
    .toLowerCase()
    .replace(/:\d*$/, '')
    .replace(/^\[|\]$|\.$/g, '')
  if (name === '0.0.0.0' || name.startsWith('::ffff:')) return true
  return name !== '' && isIP(name) === 0 && name !== 'localhost' && !name.endsWith('.localhost')
}

/** The hosts of a port that serves one app. */
function localHosts(port: number): readonly string[] {
  const hosts = [`127.0.0.1:${port}`, `localhost:${port}`]
  return port === 80 ? [...hosts, '127.0.0.1', 'localhost'] : hosts
}

/** Header names and values in turn, as received. */
export type RawHeaders = readonly string[]

/**
 * Why a request to a local port may come from a web page of another origin: DNS rebinding (`Host`), another origin, or
 * another site. Null: it does not. `own`: the hosts that the port serves, under `scheme`.
 */
export function crossOriginProblem(
  headers: RawHeaders,
  port: number,
  own: readonly string[] = localHosts(port),
  scheme: 'http' | 'https' = 'http',
): string | null {
  const valuesOf = (name: string) =>
    headers.filter((_, at) => at % 2 === 1 && headers[at - 1]!.toLowerCase() === name)
  const hosts = valuesOf('host').map((host) => host.toLowerCase())
  const [host] = hosts
  if (hosts.length !== 1 || host === undefined || !own.includes(host)) {
    return `This port serves ${own.slice(0, 2).join(' and ')} only.`
  }
  if (valuesOf('origin').some((origin) => origin.toLowerCase() !== `${scheme}://${host}`)) {
    return 'Pages of other origins may not use this port.'
  }
  // `none`: the user typed the address. Other values mean a page of another site or port.
  if (valuesOf('sec-fetch-site').some((site) => site !== 'same-origin' && site !== 'none')) {
    return 'Pages of other sites may not use this port.'
  }
  return null
}
