import { isIP, isIPv4, isIPv6 } from 'node:net'

export interface ProxySource {
  readonly address: string
  readonly port: number
}

export type ProxyResult =
  | { readonly kind: 'more' }
  | { readonly kind: 'invalid'; readonly reason: string }
  /** `source` is null if the balancer itself is the client (LOCAL, UNKNOWN). */
  | { readonly kind: 'header'; readonly length: number; readonly source: ProxySource | null }

const V2_SIGNATURE = Buffer.from('\r\n\r\n\0\r\nQUIT\n', 'latin1')
const V1_START = Buffer.from('PROXY ', 'latin1')
const V1_MAX = 107
/** Larger than the TLVs of any balancer; the protocol itself allows 64 KiB. */
const V2_MAX = 4096
const MORE: ProxyResult = { kind: 'more' }

/** Reads a PROXY protocol header, version 1 or 2 (haproxy.org, proxy-protocol.txt). Never throws. */
export function readProxyHeader(bytes: Buffer): ProxyResult {
  if (startsAlike(bytes, V2_SIGNATURE)) return bytes.length < 16 ? MORE : readV2(bytes)
  if (startsAlike(bytes, V1_START)) return readV1(bytes)
  return invalid('no PROXY protocol header')
}

/** True if one of `bytes` and `signature` is a prefix of the other. */
function startsAlike(bytes: Buffer, signature: Buffer): boolean {
  const length = Math.min(bytes.length, signature.length)
  return bytes.subarray(0, length).equals(signature.subarray(0, length))
}

function readV1(bytes: Buffer): ProxyResult {
  const end = bytes.subarray(0, V1_MAX).indexOf('\r\n')
  if (end < 0) return bytes.length >= V1_MAX ? invalid('PROXY line too long') : MORE
  const length = end + 2
  const words = bytes.toString('latin1', 0, end).split(' ')
  if (words[1] === 'UNKNOWN') return { kind: 'header', length, source: null }
  const [, family, from = '', to = '', fromPort = '', toPort = ''] = words
  const isAddress = family === 'TCP4' ? isIPv4 : family === 'TCP6' ? isIPv6 : null
  if (words.length !== 6 || !isAddress?.(from) || !isAddress(to)) return invalid('bad PROXY line')
  if (![fromPort, toPort].every((port) => /^(0|[1-9]\d{0,4})$/.test(port) && Number(port) < 65_536)) {
    return invalid('bad port in PROXY line')
  }
  return { kind: 'header', length, source: { address: from, port: Number(fromPort) } }
}

function readV2(bytes: Buffer): ProxyResult {
  const version = bytes[12]! >> 4
  const command = bytes[12]! & 15
  if (version !== 2 || command > 1) return invalid('bad PROXY version or command')
  const rest = bytes.readUInt16BE(14)
  if (rest > V2_MAX) return invalid('PROXY header too long')
  const length = 16 + rest
  if (bytes.length < length) return MORE
  if (command === 0) return { kind: 'header', length, source: null }
  const family = bytes[13]
  if (family === 0) return { kind: 'header', length, source: null }
  if (family === 0x11 && rest >= 12) {
    return source(length, [...bytes.subarray(16, 20)].join('.'), bytes.readUInt16BE(24))
  }
  if (family === 0x21 && rest >= 36) {
    const groups = Array.from({ length: 8 }, (_, index) => bytes.readUInt16BE(16 + 2 * index).toString(16))
    return source(length, groups.join(':'), bytes.readUInt16BE(48))
  }
  return invalid('bad PROXY address family')
}

function source(length: number, address: string, port: number): ProxyResult {
  if (isIP(address) === 0) return invalid('bad PROXY address')
  return { kind: 'header', length, source: { address, port } }
}

function invalid(reason: string): ProxyResult {
  return { kind: 'invalid', reason }
}
