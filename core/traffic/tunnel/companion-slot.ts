import type { AnyReason } from '../../api/reasons.ts'
import type { Clock } from '../../kernel/clock.ts'
import type { LiveLink } from './link.ts'

/** How long an agent may take to open a companion, and how long until it is asked again. */
const ASK_MS = 30_000
/** A companion that has had no stream for so long ends. */
const UNUSED_MS = 60_000

/**
 * The companion of one link: a second connection of the agent, which the hub asks for while a bulk transfer fills the first.
 * It is a `LiveLink` too, so that whatever cuts a link cuts it as well. It belongs to its link, which counts its streams and
 * ends with it; nobody else knows of it.
 */
export class CompanionSlot {
  readonly #link: LiveLink
  readonly #clock: Pick<Clock, 'monotonic'>
  #companion: LiveLink | null = null
  /** When a companion was asked for, on the monotonic clock. */
  #askedAt = Number.NEGATIVE_INFINITY
  #awaited = false
  #unused: NodeJS.Timeout | undefined

  constructor(link: LiveLink, clock: Pick<Clock, 'monotonic'>) {
    this.#link = link
    this.#clock = clock
  }

  /** Its open streams. */
  get streams(): number {
    return this.#companion?.streams ?? 0
  }

  /** Its open streams that are not idle. */
  get load(): number {
    return this.#companion?.load ?? 0
  }

  /** The connection for a new stream: the link itself or its companion, whichever has fewer bulk transfers. */
  lane(): LiveLink {
    return this.#quieterThan(this.#link) ?? this.#link
  }

  /** Whether the next exchange should use another stream than one of this lane. */
  isLeaving(lane: LiveLink): boolean {
    const { retired, moving } = this.#link
    if (retired || moving || lane.retired || lane.moving) return true
    return this.#companion !== null && this.#quieterThan(lane) !== null
  }

  #quieterThan(lane: LiveLink): LiveLink | null {
    if (this.#companion === null) return null
    const other = lane === this.#link ? this.#companion : this.#link
    return other.bulk.size < lane.bulk.size && other.usable && !other.moving ? other : null
  }

  /** Asks the agent for a companion, unless there is one. An older agent ignores the message. */
  ask(): void {
    const now = this.#clock.monotonic()
    const link = this.#link
    if (link.companion || this.#companion || !link.usable || now - this.#askedAt < ASK_MS) return
    this.#askedAt = now
    this.#awaited = true
    link.send({ type: 'companion' })
  }

  /** Takes a companion that was asked for. False: it was not, or it has another certificate than the link. */
  adopt(companion: LiveLink): boolean {
    const inTime = this.#clock.monotonic() - this.#askedAt < ASK_MS
    if (!this.#awaited || !inTime || this.#companion || !this.#link.usable) return false
    if (companion.certificate.serial !== this.#link.certificate.serial) return false
    this.#awaited = false
    this.#companion = companion
    companion.onEnded = () => this.#ended(companion)
    this.#ended(companion)
    return true
  }

  /** Lets the open streams of the companion end. */
  retire(reason: AnyReason): void {
    this.#companion?.retire(reason)
  }

  destroy(reason: AnyReason): void {
    this.#companion?.destroy(reason)
  }

  /** A stream of the companion has ended, or it has itself. */
  #ended(companion: LiveLink): void {
    clearTimeout(this.#unused)
    if (companion.closed) this.#companion = null
    else if (companion.streams === 0)
      this.#unused = setTimeout(() => companion.streams === 0 && companion.destroy('unused'), UNUSED_MS)
    this.#link.settle()
  }
}
