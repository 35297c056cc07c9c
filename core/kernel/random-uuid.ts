import { randomFillSync } from 'node:crypto'

const DIGITS = Buffer.from('0123456789abcdef')
/** Where the two digits of each byte are. */
const PLACES = [0, 2, 4, 6, 9, 11, 14, 16, 19, 21, 24, 26, 28, 30, 32, 34]
const pool = Buffer.alloc(4_096)
const text = Buffer.alloc(36, '-')
let used = pool.length

/**
 * A random UUID (RFC 9562 section 5.4) for what each request needs: `randomUUID` of Node.js joins thirty texts for one. Not for
 * secrets, because it stays in memory.
 */
export function randomUuid(): string {
  if (used === pool.length) {
    randomFillSync(pool)
    used = 0
  }
  for (let at = 0; at < 16; at++) {
    const byte = pool[used + at] as number
    const bits = at === 6 ? (byte & 0x0f) | 0x40 : at === 8 ? (byte & 0x3f) | 0x80 : byte
    const place = PLACES[at] as number
    text[place] = DIGITS[bits >> 4] as number
    text[place + 1] = DIGITS[bits & 0x0f] as number
  }
  used += 16
  return text.toString('latin1')
}
