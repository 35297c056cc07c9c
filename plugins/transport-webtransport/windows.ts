import type { Http2Session, Http2Stream } from 'node:http2'

/** Bytes in flight on an established tunnel: with the 64 KiB of HTTP/2, a round trip of 50 ms allows 1.3 MB/s. */
export const WINDOW = 16 << 20
/**
 * The windows of HTTP/2 grow once this many bytes have been read. A TLS handshake takes less (OpenSSL reads at most 128 KiB of
 * a ClientHello, 100 KiB of certificates and 64 KiB of a signature), so the peer's certificate has been verified: until then, a peer can
 * make this end hold little. More would end the start of TCP on a long way, which then takes seconds to become fast.
 */
const VERIFIED_BYTES = 384 << 10

const MAX_DATA = 0x2b61
const MAX_STREAM_DATA_BIDI = 0x2b63
const MAX_STREAMS_BIDI = 0x2b65

/**
 * The settings of HTTP/2 with which WebTransport begins (draft-ietf-webtrans-http2): the limits of the session and of a stream in
 * both directions. The others are 0 unless they are sent: streams in one direction, and streams that the peer may open.
 */
export const INITIAL_SETTINGS = { [MAX_DATA]: WINDOW, [MAX_STREAM_DATA_BIDI]: WINDOW }
/** Those of the hub, whose client opens one stream. */
export const HUB_SETTINGS = { ...INITIAL_SETTINGS, [MAX_STREAMS_BIDI]: 1 }
/** The settings that are read from a peer. */
export const READ_SETTINGS = Object.keys(HUB_SETTINGS).map(Number)

/** What the peer allows before its first capsule: nothing that it did not send. */
export function peerLimits({ session }: Http2Stream): {
  /** Bytes in the session. */
  readonly session: number
  /** Bytes on a stream in both directions. */
  readonly stream: number
  /** Streams in both directions. */
  readonly streams: number
} {
  const settings = session?.remoteSettings.customSettings ?? {}
  return {
    session: settings[MAX_DATA] ?? 0,
    stream: settings[MAX_STREAM_DATA_BIDI] ?? 0,
    streams: settings[MAX_STREAMS_BIDI] ?? 0,
  }
}

/** Raises the windows of HTTP/2 when enough bytes have been read; call it with the length of each chunk. */
export function growingWindows(stream: Http2Stream, isOpen: () => boolean): (bytes: number) => void {
  let left = VERIFIED_BYTES
  return (bytes) => {
    if (left < 0) return
    left -= bytes
    // TLS has read these bytes by then, and has ended the carrier if they are not what it expects.
    if (left < 0) setImmediate(() => isOpen() && stream.session && growWindows(stream.session))
  }
}

function growWindows(session: Http2Session): void {
  if (session.destroyed) return
  session.settings({ initialWindowSize: WINDOW })
  const { setLocalWindowSize } = session as Http2Session & { setLocalWindowSize?(bytes: number): void }
  setLocalWindowSize?.call(session, WINDOW)
}
