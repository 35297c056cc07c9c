/** What a client may send beside its requests and their bodies, in bytes: more than the largest head on its way. */
const MOST = 1024 * 1024
const FORGOTTEN_PER_CHECK = 16 * 1024
/** What a SETTINGS or PING frame costs beyond its own bytes: each is answered. */
const CONTROL_FRAME = 64
const CONTROL_FRAMES_AT_ONCE = 1_000
/** Window updates that answers cause: a 64th of their bytes is far more than any client needs. */
const ANSWER_SHARE = 64
/** Frame headers, window updates and the reset of one request; frame header of a piece of a body. */
const REQUEST_FRAMES = 128
const DATA_FRAME = 16

/**
 * Distinguishes useless frames from those that carry data, by bytes: all that a connection has sent beyond the headers
 * and bodies that were read on it. A flood of SETTINGS, PING, PRIORITY, WINDOW_UPDATE or unknown frames overflows a
 * leaking bucket (RFC 9113 section 10.5). Costs nothing for each frame or chunk, because nobody looks at them.
 */
export class FrameBudget {
  #useful = 0
  #control = 0
  #controlBefore = 0
  #forgotten = 0
  #sent = 0

  /** A request has come. `headerBytes` as they are when decoded, which is hardly ever less than on the wire. */
  request(headerBytes: number): void {
    this.#useful += headerBytes + REQUEST_FRAMES
  }

  /** Part of a body has been read. */
  body(bytes: number): void {
    this.#useful += bytes + DATA_FRAME
  }

  /** A SETTINGS or PING frame has come. True: a flood. */
  control(): boolean {
    return ++this.#control - this.#controlBefore > CONTROL_FRAMES_AT_ONCE
  }

  /**
   * Once a second, with the connection's totals. `unread` is what bodies hold that nobody has read yet, asked only when
   * it matters. True: a flood.
   */
  check(received: number, sent: number, unread: () => number): boolean {
    const spent = received + this.#control * CONTROL_FRAME
    this.#controlBefore = this.#control
    this.#useful += (sent - this.#sent) / ANSWER_SHARE
    this.#sent = sent
    // What was too much to grant is no credit for later.
    this.#useful = Math.min(this.#useful, spent)
    const overhead = spent - this.#useful
    this.#forgotten = Math.min(this.#forgotten + FORGOTTEN_PER_CHECK, overhead)
    const level = overhead - this.#forgotten
    return level > MOST && level - unread() > MOST
  }
}
