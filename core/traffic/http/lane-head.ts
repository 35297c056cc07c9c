import type { RequestHead } from '../../api/protocol.ts'
import { takeHeaderLine } from '../../wire/header-line.ts'

/** A request line with a target in origin form; the host router checks the target itself. */
const REQUEST = /^(GET|HEAD) (\/[\x21-\x7e]*) HTTP\/1\.1\r\n/
const HEAD_END = '\r\n\r\n'
/** Far above the limits of the host router, which a refused head reaches through node:http. */
const MOST_BYTES = 64 * 1024

/**
 * Reads bytes that are exactly one whole head of a GET or HEAD request over HTTP/1.1 with one `Host`, without a body and
 * without anything that concerns the connection, in strict syntax (RFC 9112 sections 2 to 5). Returns null for all other
 * bytes: valid or not, node:http must read them. It accepts less than llhttp, and never anything that llhttp reads
 * differently.
 */
export function readLaneHead(bytes: Buffer): Required<RequestHead> | null {
  if (bytes.length > MOST_BYTES) return null
  const text = bytes.toString('latin1')
  const end = text.length - HEAD_END.length
  if (end < 0 || text.indexOf(HEAD_END) !== end) return null
  const { 0: line, 1: method, 2: url } = REQUEST.exec(text) ?? []
  if (line === undefined) return null
  const rawHeaders: string[] = []
  let hosts = 0
  for (let at = line.length, next = at; at < end; at = next) {
    next = takeHeaderLine(text, at, rawHeaders)
    if (next < 0) return null
    const name = rawHeaders[rawHeaders.length - 2] as string
    if (LENGTHS[name.length] !== true) continue
    switch (effectOf(name)) {
      case 'host':
        hosts += 1
        break
      case 'connection':
        if ((rawHeaders[rawHeaders.length - 1] as string).toLowerCase() !== 'keep-alive') return null
        break
      case 'other':
        return null
    }
  }
  return hosts === 1 ? { method, url, rawHeaders, httpVersionMajor: 1, httpVersionMinor: 1 } : null
}

/** Fields that say how to read what follows, or what becomes of the connection. */
const OTHER = new Set([
  'content-length',
  'expect',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
])
/** At the length of each such name: true. Few names are compared at all. */
const LENGTHS: readonly boolean[] = [...OTHER, 'host', 'connection'].reduce<boolean[]>(
  (found, { length }) => {
    found[length] = true
    return found
  },
  Array.from({ length: 20 }, () => false),
)

function effectOf(name: string): 'host' | 'connection' | 'other' | null {
  const lower = name.toLowerCase()
  if (lower === 'host' || lower === 'connection') return lower
  return OTHER.has(lower) ? 'other' : null
}
