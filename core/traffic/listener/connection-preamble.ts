import type { Duplex } from 'node:stream'
import type { ProxyResult, ProxySource } from '../../wire/proxy-protocol.ts'
import { type ClientHello, readClientHello } from './client-hello.ts'

/** Fatal alerts (RFC 8446, 6.2): no_application_protocol, unrecognized_name and decode_error. */
export const ALERT_ALPN = Buffer.from([21, 3, 1, 0, 2, 2, 120])
export const ALERT_NAME = Buffer.from([21, 3, 1, 0, 2, 2, 112])
export const ALERT_DECODE = Buffer.from([21, 3, 1, 0, 2, 2, 50])
/** Bytes that a client may send before its ClientHello is complete. */
export const HELLO_BYTES = 64 * 1024

/** The origin of a connection according to its header. */
export interface Source extends ProxySource {
  /** Id of the hub that relayed it; undefined for a balancer. */
  readonly via?: string
  /** Name of the transport that carried the connection to that hub. */
  readonly transport?: string
}

/** `none`: the connection starts without a header. */
export type HeaderResult =
  | Exclude<ProxyResult, { readonly kind: 'header' }>
  | { readonly kind: 'none' }
  | { readonly kind: 'header'; readonly length: number; readonly source: Source | null }

export interface Peeked {
  readonly hello: ClientHello
  /** From a header; null if there was none, or if the balancer itself is the client. */
  readonly source: Source | null
}

export interface PeekOptions {
  /** Reads the first bytes, at least one, until it knows which header precedes the ClientHello. */
  readonly readHeader: (bytes: Buffer) => HeaderResult
  /** Bytes that a client may send before its ClientHello is complete. */
  readonly maxBytes: number
  /** Called once, after the ClientHello was put back into the socket and the listeners were removed. */
  readonly found: (peeked: Peeked) => void
  /**
   * Called once with the reason why the connection cannot be served, and its bytes so far; the socket is still open.
   */
  readonly refuse: (reason: string, bytes?: Buffer) => void
}

/**
 * Reads the start of a connection and puts it back. The caller owns the timeout and the error handler; if the socket
 * closes before a result, neither callback is called.
 */
export function peekConnection(socket: Duplex, options: PeekOptions): void {
  const { maxBytes, found, refuse } = options
  let atStart = true
  let source: Source | null = null
  let chunks: Buffer[] = []
  let have = 0
  let need = 1

  const stop = (): void => {
    socket.removeListener('readable', read)
    socket.removeListener('end', ended)
  }
  const ended = (): void => {
    stop()
    refuse('closed before the ClientHello')
  }
  const fail = (reason: string, bytes?: Buffer): void => {
    stop()
    refuse(reason, bytes)
  }
  const read = (): void => {
    for (let chunk = socket.read() as Buffer | null; chunk !== null; chunk = socket.read()) {
      chunks.push(chunk)
      have += chunk.length
    }
    // Join only once there are enough bytes, so that single-byte writes do not have quadratic cost.
    if (have >= need) parse(Buffer.concat(chunks))
    else if (have > maxBytes) fail('ClientHello too long')
  }
  const parse = (bytes: Buffer) => {
    if (atStart) {
      const result = options.readHeader(bytes)
      if (result.kind === 'invalid') return fail(result.reason)
      if (result.kind === 'more') return keep(bytes, bytes.length + 1)
      atStart = false
      if (result.kind === 'header') {
        source = result.source
        bytes = bytes.subarray(result.length)
        if (bytes.length === 0) return keep(bytes, 1)
      }
    }
    const result = readClientHello(bytes, maxBytes)
    if (result.kind === 'invalid') return fail(result.reason, bytes)
    if (result.kind === 'more') return keep(bytes, result.need)
    stop()
    socket.unshift(bytes)
    found({ hello: result.hello, source })
  }
  const keep = (bytes: Buffer, wanted: number) => {
    if (wanted > maxBytes) return fail('ClientHello too long')
    chunks = [bytes]
    have = bytes.length
    need = wanted
  }
  socket.on('readable', read)
  socket.on('end', ended)
}
