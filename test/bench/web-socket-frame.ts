/** Payload of the echo: short enough for a one-byte length. */
export const ECHO_BYTES = 64

/** A whole binary frame as a client sends it, masked with zeros' neighbour. */
export const maskedFrame: Buffer = Buffer.concat([
  Buffer.from([0x82, 0x80 | ECHO_BYTES, 1, 2, 3, 4]),
  Buffer.alloc(ECHO_BYTES, 'm'),
])

/** How long the server's answer is. */
export const ECHO_FRAME_BYTES = 2 + ECHO_BYTES

/** A client's frame of `ECHO_BYTES` as a server sends it back; one frame at a time, as the echo of the bench goes. */
export function unmask(frame: Buffer): Buffer {
  const plain = Buffer.allocUnsafe(ECHO_FRAME_BYTES)
  plain[0] = 0x82
  plain[1] = ECHO_BYTES
  for (let at = 0; at < ECHO_BYTES; at++) plain[2 + at] = (frame[6 + at] ?? 0) ^ (frame[2 + (at & 3)] ?? 0)
  return plain
}
