const UNITS = [
  ['d', 86_400],
  ['h', 3_600],
  ['m', 60],
  ['s', 1],
] as const

/** A moment (RFC 3339) as a person says it: `5m ago`, `in 3h`; farther than 60 days the date; `-` when there is none. */
export function showTime(moment: unknown, now: number = Date.now()): string {
  if (typeof moment !== 'string') return '-'
  const at = Date.parse(moment)
  if (Number.isNaN(at)) return '-'
  const seconds = Math.round((at - now) / 1000)
  const distance = Math.abs(seconds)
  if (distance < 2) return 'now'
  if (distance > 60 * 86_400) return new Date(at).toISOString().slice(0, 10)
  const [unit, size] = UNITS.find(([, size]) => distance >= size)!
  const amount = `${Math.round(distance / size)}${unit}`
  return seconds < 0 ? `${amount} ago` : `in ${amount}`
}
