/** Bytes that a client may send in addition to its requests and bodies: more than the largest head in flight. */
const MOST = 1024 * 1024
const FORGOTTEN_PER_CHECK = 16 * 1024
/** The cost of a SETTINGS or PING frame in addition to its own bytes, because each one gets a response. */
const CONTROL_FRAME = 64
const CONTROL_FRAMES_AT_ONCE = 1_000
/** Allowance for window updates: a 64th of the response bytes is far more than any client needs. */
const ANSWER_SHARE = 64
/** Allowance for the frame headers, window updates and reset of one request. */
const REQUEST_FRAMES = 128
const DATA_FRAME = 16
/** Requests that a client may cancel at once, and in each second after that; browsers cancel at most 100 at once. */
export const RESETS = { burst: 200, perSecond: 50 }

/**
 * Detects useless frames by counting the bytes that a connection has sent in addition to the headers and bodies that
 * were read. A flood of SETTINGS, PING, PRIORITY, WINDOW_UPDATE or unknown frames overflows a leaky bucket (RFC 9113
 * section 10.5). There is no cost per frame or chunk, because frames are not inspected.
 */
export class FrameBudget {
  #useful = 0
  #control = 0
  #controlBefore = 0
  #forgotten = 0
  #sent = 0
  #resets = 0

  /** Call it for each request. `headerBytes` is the decoded size, which is hardly ever smaller than on the wire. */
  request(headerBytes: number): void {
    this.#useful += headerBytes + REQUEST_FRAMES
  }

  /** Call it when part of a body has been read. */
  body(bytes: number): void {
    this.#useful += bytes + DATA_FRAME
  }

  /** Call it for each SETTINGS or PING frame. True if this is a flood. */
  control(): boolean {
    return ++this.#control - this.#controlBefore > CONTROL_FRAMES_AT_ONCE
  }

  /** Call it for each request that the client has cancelled (CVE-2023-44487). True if this is a flood. */
  reset(): boolean {
    return ++this.#resets >= RESETS.burst
  }

  /**
   * Call it once a second with the connection's totals. `unread` returns the bytes of bodies that have not been read yet,
   * and is called only if needed. True if this is a flood.
   */
  check(received: number, sent: number, unread: () => number): boolean {
    const spent = received + this.#control * CONTROL_FRAME
    this.#controlBefore = this.#control
    this.#resets = Math.max(0, this.#resets - RESETS.perSecond)
    this.#useful += (sent - this.#sent) / ANSWER_SHARE
    this.#sent = sent
    // An unused grant does not accumulate.
    this.#useful = Math.min(this.#useful, spent)
    const overhead = spent - this.#useful
    this.#forgotten = Math.min(this.#forgotten + FORGOTTEN_PER_CHECK, overhead)
    const level = overhead - this.#forgotten
    return level > MOST && level - unread() > MOST
  }
}
