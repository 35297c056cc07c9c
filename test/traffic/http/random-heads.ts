import { createRequire } from 'node:module'
import { readLaneHead } from '../../../core/traffic/http/lane-head.ts'

/** The parser of node:http. */
interface Parser {
  initialize(type: number, resource: object, maxHeaderSize: number, lenientFlags: number): void
  execute(bytes: Buffer): number | Error
  [callback: number]: unknown
}
interface Internals {
  HTTPParser: {
    new (): Parser
    REQUEST: number
    kOnHeaders: number
    kOnHeadersComplete: number
    kOnMessageComplete: number
  }
  methods: readonly string[]
}

const HEADS = [
  'GET / HTTP/1.1\r\nHost: a.test\r\n\r\n',
  'HEAD /a?b=c HTTP/1.1\r\nHost: a.test\r\nConnection: keep-alive\r\nAccept: */*\r\n\r\n',
  'GET /x/y HTTP/1.1\r\nHost: a.test:8443\r\nCookie: a=b; c="d"\r\nX-Y:\t z \t\r\nEmpty:\r\n\r\n',
  'GET /%41 HTTP/1.1\r\nhost:a.test\r\nConnection: Keep-Alive\r\nA: \xe9\xff\r\nKeep-Alive: timeout=5\r\n\r\n',
].map((text) => Buffer.from(text, 'latin1'))
/** Parts that change how a request is read. */
const PARTS = [
  ...[
    '\r\n',
    '\r',
    '\n',
    ' ',
    '\t',
    ':',
    '\0',
    '\x7f',
    '\x0b',
    '\x80',
    '#',
    '?',
    '/',
    '\r\n ',
    '\r\n\t',
    ' :',
    ',',
  ],
  ...[
    'Content-Length: 3\r\n',
    'Content-Length: 0\r\n',
    'Transfer-Encoding: chunked\r\n',
    'Expect: 100-continue\r\n',
  ],
  ...[
    'Connection: close\r\n',
    'Connection: keep-alive\r\n',
    'Connection: upgrade\r\n',
    'Proxy-Connection: close\r\n',
  ],
  ...[
    'Upgrade: websocket\r\n',
    'TE: trailers\r\n',
    'Trailer: x\r\n',
    'Host: b.test\r\n',
    'Connection:\r\n',
    'a: b\r\n',
  ],
  ...['GET ', 'POST ', 'HTTP/1.0', 'HTTP/1.1', '\r\n\r\n', 'GET / HTTP/1.1\r\nHost: a.test\r\n\r\n'],
].map((text) => Buffer.from(text, 'latin1'))

/** Heads that are valid, or nearly. The same seed makes the same heads; each is valid until the next. */
export function randomHeads(seed: number): () => Buffer {
  let state = seed | 1
  const below = (limit: number): number => {
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    return (state >>> 0) % limit
  }
  const room = Buffer.alloc(4_096)
  return () => {
    const base = HEADS[below(HEADS.length)] as Buffer
    let size = base.copy(room)
    for (let changes = below(4); changes > 0; changes--) {
      const at = below(size)
      const how = below(4)
      if (how === 0) room[at] = below(256)
      else if (how === 1) {
        const end = at + 1 + below(Math.min(4, size - at))
        room.copyWithin(at, end, size)
        size -= end - at
        if (size === 0) return room.subarray(0, 0)
      } else {
        const part = PARTS[below(PARTS.length)] as Buffer
        // Whole lines belong between two others.
        const line = how === 2 ? room.indexOf('\r\n', at) + 2 : at
        const to = line < 2 || line > size ? at : line
        room.copyWithin(to + part.length, to, size)
        part.copy(room, to)
        size += part.length
      }
    }
    return room.subarray(0, size)
  }
}

/** Counts the heads that the lane takes, and shows up to ten of those that llhttp reads differently. */
export function compareHeads(next: () => Buffer, runs: number): { taken: number; different: string[] } {
  const read = createLlhttp()
  const different: string[] = []
  let taken = 0
  for (let run = 0; run < runs; run++) {
    const bytes = next()
    const head = readLaneHead(bytes)
    if (head === null) continue
    taken += 1
    const { method, url, rawHeaders } = head
    const ours = [method, url, ...rawHeaders].join('\n')
    const theirs = read(bytes)
    if (ours === theirs || different.length >= 10) continue
    different.push(`${JSON.stringify(bytes.toString('latin1'))}: ${JSON.stringify([ours, theirs])}`)
  }
  return { taken, different }
}

/**
 * Reads one request with the parser of node:http, strictly: method, target, names and values, a line each. For bytes that
 * are not exactly one request without a body, after which the connection is kept, it returns a word about the reason.
 */
function createLlhttp(): (bytes: Buffer) => string {
  const { HTTPParser, methods } = createRequire(import.meta.url)('_http_common') as Internals
  const { REQUEST, kOnHeaders, kOnHeadersComplete, kOnMessageComplete } = HTTPParser
  let found = ''
  let messages = 0
  let early: string[] = []
  const parser = new HTTPParser()
  const resource = {}
  function begin(): void {
    parser.initialize(REQUEST, resource, 64 * 1024, 0)
    parser[kOnHeaders] = (lines: string[], url: string) => {
      early.push(...lines)
      found += url
    }
    parser[kOnHeadersComplete] = (
      major: number,
      minor: number,
      lines: string[] | undefined,
      method: number,
      url: string,
      _status: unknown,
      _reason: unknown,
      upgrade: boolean,
      keepAlive: boolean,
    ) => {
      const kept = upgrade ? 'upgrade' : keepAlive ? '' : 'close'
      found = `${kept}${major === 1 && minor === 1 ? '' : `${major}.${minor}`}${[methods[method], url, ...early, ...(lines ?? [])].join('\n')}`
      return 0
    }
    parser[kOnMessageComplete] = () => {
      messages += 1
    }
  }
  return (bytes) => {
    found = ''
    messages = 0
    early = []
    begin()
    const used = parser.execute(bytes)
    if (typeof used !== 'number') return `error: ${used.message}`
    if (used !== bytes.length || messages !== 1) return `${messages} messages in ${used} bytes`
    return found
  }
}
