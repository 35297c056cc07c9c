import { randomInt } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type Server } from 'node:net'

// Below the ephemeral ports (Linux from 32768, others from 49152), so that neither an outgoing connection nor a server
// on port 0 takes one of these in the meantime.
const LOWEST = 20_000
const HIGHEST = 32_000
const ATTEMPTS = 100
/** Ports that this process was given and may not have opened yet. */
const given = new Set<number>()

/**
 * A port of 127.0.0.1 that was free just now, a different one at each call: `preferred` if it is free. On Linux no other
 * process that asks here gets it while this one runs. Another program may take it first, so the caller must be able to
 * retry.
 */
export async function freePort(preferred?: number): Promise<number> {
  if (preferred !== undefined && (await take(preferred))) return preferred
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const port = randomInt(LOWEST, HIGHEST)
    if (await take(port)) return port
  }
  throw new Error(`none of ${ATTEMPTS} ports from ${LOWEST} is free`)
}

async function take(port: number): Promise<boolean> {
  if (given.has(port)) return false
  given.add(port)
  const taken = (await isFree(port)) && (await reserve(port))
  if (!taken) given.delete(port)
  return taken
}

async function isFree(port: number): Promise<boolean> {
  const server = createServer()
  const free = await listens(server, { port, host: '127.0.0.1' })
  await server[Symbol.asyncDispose]()
  return free
}

/** Holds a name of the port, an abstract socket of Linux, which ends with this process. */
async function reserve(port: number): Promise<boolean> {
  if (process.platform !== 'linux') return true
  return listens(createServer().unref(), { path: `\0mezite-port-${port}` })
}

function listens(server: Server, at: Parameters<Server['listen']>[0]): Promise<boolean> {
  return once(server.listen(at), 'listening').then(
    () => true,
    () => false,
  )
}
