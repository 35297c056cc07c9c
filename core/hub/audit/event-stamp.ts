import { randomUUID } from 'node:crypto'

/** When an event was recorded, and its id: a UUID version 7 (RFC 9562, 5.7) of the same millisecond. */
export interface EventStamp {
  readonly id: string
  readonly time: string
}

/** Stamps events. A busy hub records many in one millisecond, whose text is made once. */
export function createEventStamp(): (nowMs: number) => EventStamp {
  let at = Number.NaN
  let time = ''
  let prefix = ''
  return (nowMs) => {
    if (nowMs !== at) {
      const hex = Math.max(0, Math.trunc(nowMs)).toString(16).padStart(12, '0').slice(-12)
      time = new Date(nowMs).toISOString()
      prefix = `${hex.slice(0, 8)}-${hex.slice(8)}-7`
      at = nowMs
    }
    // The random bits and the variant of a version 4 stand where version 7 wants them.
    return { id: prefix + randomUUID().slice(15), time }
  }
}
