import { readFileSync } from 'node:fs'
import type { Log } from '../../kernel/log.ts'

/** Descriptors for everything else: database, files, the admin socket, what Node.js itself holds. */
const RESERVE = 128
/** Below this nothing can be kept back in earnest. */
const LEAST = 64

/**
 * How many connections may be open, given how many descriptors the system lets this process have: a flood must not take
 * those that the database and the agents need. Only Linux tells; elsewhere `wanted` holds.
 */
export function affordableConnections(wanted: number, log: Log): number {
  const descriptors = descriptorLimit()
  if (descriptors === null || wanted + RESERVE <= descriptors) return wanted
  const connections = Math.max(LEAST, descriptors - RESERVE)
  if (connections >= wanted) return wanted
  log.warn(
    { descriptors, connections },
    'the system allows too few open files (ulimit -n) for proxy.limits.connections; fewer connections are taken',
  )
  return connections
}

function descriptorLimit(): number | null {
  try {
    const soft = /^Max open files\s+(\d+)\s/m.exec(readFileSync('/proc/self/limits', 'utf8'))?.[1]
    return soft === undefined ? null : Number(soft)
  } catch {
    return null
  }
}
