/** A member of at most one roster at a time. */
export interface RosterMember {
  /** Index in the roster, which sets it; -1 outside of it. */
  index: number
}

/**
 * An unordered list for members that are added and removed thousands of times a second. A Set is not used: V8 allocates a
 * new table for it every few changes, and an old table that has reached the old generation keeps its members, such as
 * whole requests, in memory until the next full collection.
 */
export class Roster<T extends RosterMember> {
  readonly #members: T[] = []

  /** The live list, not a copy: when a member is removed, the last one takes its index. */
  get members(): readonly T[] {
    return this.#members
  }

  add(member: T): void {
    if (member.index >= 0) return
    member.index = this.#members.length
    this.#members.push(member)
  }

  /** Returns false when it was already removed. */
  remove(member: T): boolean {
    const { index } = member
    if (index < 0) return false
    member.index = -1
    const last = this.#members.pop() as T
    if (last === member) return true
    this.#members[index] = last
    last.index = index
    return true
  }
}
