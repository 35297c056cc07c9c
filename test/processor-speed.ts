/** Milliseconds of processor time of the work below on the machine for which limits of processor time are stated. */
const REFERENCE_MS = 14
const ROUNDS = 10

/** How many times longer this machine's processor takes for the same work than the one for which limits are stated; at least 1. */
export function processorSlowness(): number {
  const best = Math.min(...Array.from({ length: ROUNDS }, workMs))
  return Math.max(1, best / REFERENCE_MS)
}

/** Processor time of a piece of work like that of a program that starts: objects, strings and their parsing. */
function workMs(): number {
  const began = process.cpuUsage()
  const entries = Array.from({ length: 20_000 }, (_, at) => ({
    name: `entry-${at % 997}`,
    at,
    tags: ['a', 'b'],
  }))
  const read: typeof entries = JSON.parse(JSON.stringify(entries))
  read.sort((one, other) => one.name.localeCompare(other.name, 'en') || one.at - other.at)
  const { user, system } = process.cpuUsage(began)
  return (user + system) / 1_000
}
