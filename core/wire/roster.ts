/** Has a place in one roster at a time. */
export interface Placed {
  /** -1 outside of the roster, which keeps it. */
  place: number
}

/**
 * Members that come and go thousands of times a second, in no order. No Set: V8 gives a Set a new table every few changes,
 * and the old one, once it is old itself, keeps what was in it in memory until the next full collection: whole requests.
 */
export class Roster<T extends Placed> {
  readonly #members: T[] = []

  /** The very list: its last member takes the place of one that leaves. */
  get members(): readonly T[] {
    return this.#members
  }

  add(member: T): void {
    if (member.place >= 0) return
    member.place = this.#members.length
    this.#members.push(member)
  }

  /** False when it had left already. */
  remove(member: T): boolean {
    const { place } = member
    if (place < 0) return false
    member.place = -1
    const last = this.#members.pop() as T
    if (last === member) return true
    this.#members[place] = last
    last.place = place
    return true
  }
}
