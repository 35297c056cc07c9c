import { once } from 'node:events'
import type { Socket } from 'node:net'

/** Replies of RFC 1928 section 6, by the reason code of a dial that failed. */
export const SOCKS_REPLY: Readonly<Record<string, number>> = {
  target_not_allowed: 2,
  not_allowed: 2,
  unreachable: 4,
  refused: 5,
  timeout: 6,
  target_invalid: 8,
}

/** A reply without the address of the connection, which clients do not need. */
export const reply = (code: number): Buffer => Buffer.from([5, code, 0, 1, 0, 0, 0, 0, 0, 0])

/** What a client has said so far. */
export interface SocksClient {
  readonly user: string
  readonly password: string
  /** Tells the client that its password is right. */
  accept(): void
  /** Reads where it wants to go: `tcp://HOST:PORT`. */
  target(): Promise<string>
}

/** Reads the greeting and the login of a SOCKS 5 client; what follows stays in the socket. Rejects for anything else. */
export async function readTarget(socket: Socket, signal: AbortSignal): Promise<SocksClient> {
  const read = (bytes: number) => readBytes(socket, bytes, signal)
  const byte = async () => (await read(1))[0]!
  const text = async () => (await read(await byte())).toString('utf8')
  if ((await byte()) !== 5) throw new Error('not SOCKS 5')
  const methods = await read(await byte())
  if (!methods.includes(2)) {
    socket.end(Buffer.from([5, 0xff]))
    throw new Error('the client has no password')
  }
  socket.write(Buffer.from([5, 2]))
  if ((await byte()) !== 1) throw new Error('not RFC 1929')
  const user = await text()
  const password = await text()

  async function host(kind: number): Promise<string> {
    if (kind === 3) return text()
    if (kind === 1) return [...(await read(4))].join('.')
    if (kind !== 4) throw new Error('not an address')
    const groups = (await read(16)).toString('hex').match(/.{4}/g) ?? []
    return `[${groups.join(':')}]`
  }
  return {
    user,
    password,
    accept: () => void socket.write(Buffer.from([1, 0])),
    async target() {
      const [version, command, , kind = 0] = await read(4)
      if (version !== 5 || command !== 1) throw new Error('not CONNECT')
      const name = await host(kind)
      return `tcp://${name}:${(await read(2)).readUInt16BE()}`
    },
  }
}

/** Exactly `bytes` bytes; more stay in the socket. */
async function readBytes(socket: Socket, bytes: number, signal: AbortSignal): Promise<Buffer> {
  if (bytes === 0) return Buffer.alloc(0)
  for (;;) {
    const chunk: Buffer | null = socket.read(bytes)
    if (chunk?.length === bytes) return chunk
    if (chunk !== null || socket.readableEnded || socket.destroyed) throw new Error('the client has left')
    await once(socket, 'readable', { signal })
  }
}
