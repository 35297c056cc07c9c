import { randomInt } from 'node:crypto'
import { createServer } from 'node:net'

// Below the ports that systems hand out by themselves (Linux from 32768, others from 49152): a connection that
// somebody opens meanwhile, or a server that asks for any port, does not get one of these.
const LOWEST = 20_000
const HIGHEST = 32_000
const ATTEMPTS = 100

/** A port of 127.0.0.1 that nobody listened on a moment ago; whoever listens on it must be ready to lose the race. */
export async function freePort(): Promise<number> {
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const port = randomInt(LOWEST, HIGHEST)
    if (await isFree(port)) return port
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
