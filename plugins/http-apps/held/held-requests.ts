import { randomBytes } from 'node:crypto'
import { createConcurrencyQuota } from '@mezite/core/protocol'
import type { Hold, RequestHold } from '@mezite/core/types'
import type { AppRequest } from '../request/app-request.ts'
import type { HeldBody } from './held-body.ts'

/** A request that waits for a decision, or for its browser or program to come back. */
export interface HeldEntry {
  readonly id: string
  readonly request: AppRequest
  readonly sessionId: string
  readonly user: string
  /** What a script's page must send again; null for others, whose bytes are here. */
  readonly again: string | null
  readonly body: HeldBody
  readonly hold: Hold
  /** Undefined: not decided yet; null: the requirement is met; a reason code: it will not be. */
  outcome: string | null | undefined
  /** Resolves when `outcome` is set. */
  readonly decided: Promise<void>
}

export const newHeldId = (): string => randomBytes(24).toString('base64url')

/** The requests that this hub holds: they end with it, with their time, or when they are taken, once. */
export class HeldRequests {
  readonly #all = new Map<string, { readonly entry: HeldEntry; readonly forget: () => void }>()
  readonly #people = createConcurrencyQuota()
  #total = 0

  /** Counts one more request of this person. Call the returned function once; null: there are too many. */
  enter(user: string, { perPerson, total }: RequestHold['limits']): (() => void) | null {
    if (this.#total >= total || !this.#people.take(user, perPerson)) return null
    this.#total += 1
    return () => {
      this.#total -= 1
      this.#people.give(user)
    }
  }

  /** Keeps a request until it is taken, for at most `withinMs`. `left` is called when it is gone from here. */
  add(
    given: Omit<HeldEntry, 'outcome' | 'decided'>,
    { withinMs, left }: { readonly withinMs: number; readonly left: () => void },
  ): HeldEntry {
    const { promise, resolve } = Promise.withResolvers<void>()
    const entry: HeldEntry = { ...given, outcome: undefined, decided: promise }
    const decide = (outcome: string | null) => {
      if (entry.outcome !== undefined) return
      entry.outcome = outcome
      resolve()
    }
    const late = setTimeout(() => {
      entry.outcome = 'hold_expired'
      resolve()
      this.take(entry)
      entry.body.end()
    }, withinMs)
    const forget = () => {
      clearTimeout(late)
      left()
    }
    this.#all.set(entry.id, { entry, forget })
    entry.hold.decided.then(decide, () => decide('internal'))
    return entry
  }

  find(id: string): HeldEntry | undefined {
    return this.#all.get(id)?.entry
  }

  /** The request that a script's page is expected to send again. */
  awaited(again: string): HeldEntry | undefined {
    for (const { entry } of this.#all.values()) if (entry.again === again) return entry
    return undefined
  }

  /** Takes a request away, so that nobody else can. False: somebody was faster. */
  take({ id }: HeldEntry): boolean {
    const known = this.#all.get(id)
    known?.forget()
    return this.#all.delete(id)
  }

  /** The hub stops: nothing that waits is ever forwarded. */
  close(): void {
    for (const { entry } of [...this.#all.values()]) {
      this.take(entry)
      entry.body.end()
    }
  }
}
