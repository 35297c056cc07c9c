import { randomInt } from 'node:crypto'
import { createServer } from 'node:net'

// Below the ephemeral ports (Linux from 32768, others from 49152), so that neither an outgoing connection nor a server
// on port 0 takes one of these in the meantime.
const LOWEST = 20_000
const HIGHEST = 32_000
const ATTEMPTS = 100
/** Ports that this process was given and may not have opened yet. */
const given = new Set<number>()

/**
 * A port of 127.0.0.1 that was free just now, a different one at each call: `preferred` if it is free. Another program may
 * take it first, so the caller must be able to retry.
 */
export async function freePort(preferred?: number): Promise<number> {
  if (preferred !== undefined && (await isFree(preferred))) return preferred
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const port = randomInt(LOWEST, HIGHEST)
    if (given.has(port) || !(await isFree(port))) continue
    given.add(port)
    return port
  }
  throw new Error(`none of ${ATTEMPTS} ports from ${LOWEST} is free`)
}

function isFree(port: number): Promise<boolean> {
  const server = createServer()
  return new Promise((resolve) => {
    server.once('error', () => resolve(false))
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)))
  })
}
