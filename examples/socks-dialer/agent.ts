import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { DialRefusal, defineAgentPlugin, messageOf, Type } from '@mezite/core'

/** Replies of a SOCKS server (RFC 1928 section 6), as reasons for the hub. */
const REASONS = [
  '',
  'proxy_failed',
  'not_allowed',
  'unreachable',
  'unreachable',
  'refused',
  'timeout',
] as const

/**
 * Reaches `http://` and `tcp://` applications through a SOCKS 5 proxy (RFC 1928, without authentication). `hosts` is the
 * allow-list; the agent dials every other target itself.
 */
export default defineAgentPlugin({
  name: 'socks-dialer',
  api: 1,
  summary: 'Dials applications through a SOCKS proxy',
  config: Type.Object(
    {
      proxy: Type.String({
        pattern: '^[A-Za-z0-9.-]+:[1-9][0-9]{0,4}$',
        description: 'HOST:PORT of the proxy',
      }),
      hosts: Type.Array(Type.String({ pattern: '^[a-z0-9.-]{1,255}$' }), { minItems: 1 }),
    },
    { additionalProperties: false },
  ),
  setup({ config, tap }) {
    const [host = '', port] = config.proxy.split(':')
    tap.dial.open(async ({ uri, connectMs }) => {
      const target = new URL(uri)
      if (!/^(http|tcp):$/.test(target.protocol) || !config.hosts.includes(target.hostname)) return null
      const socket = connect({ host, port: Number(port), allowHalfOpen: true })
      const signal = AbortSignal.timeout(connectMs)
      try {
        await once(socket, 'connect', { signal })
        await openThrough(socket, target.hostname, Number(target.port || 80), signal)
        return socket
      } catch (error) {
        socket.on('error', () => {}).destroy()
        throw error instanceof DialRefusal ? error : new DialRefusal('proxy_failed', messageOf(error))
      }
    })
  },
})

async function openThrough(socket: Socket, host: string, port: number, signal: AbortSignal): Promise<void> {
  socket.write(Buffer.from([5, 1, 0]))
  const [version, method] = await read(socket, 2, signal)
  if (version !== 5 || method !== 0) throw new DialRefusal('proxy_failed', 'the proxy wants a password')
  const name = Buffer.from(host)
  socket.write(
    Buffer.concat([Buffer.from([5, 1, 0, 3, name.length]), name, Buffer.from([port >> 8, port & 255])]),
  )
  const [, reply = 1, , kind] = await read(socket, 4, signal)
  if (reply !== 0) throw new DialRefusal(REASONS[reply] || 'proxy_failed', `SOCKS reply ${reply} for ${host}`)
  // The address that the proxy has bound does not matter.
  const length = kind === 3 ? (await read(socket, 1, signal))[0]! : kind === 4 ? 16 : 4
  await read(socket, length + 2, signal)
}

/** Exactly `bytes` bytes; more stay in the socket for the application's stream. */
async function read(socket: Socket, bytes: number, signal: AbortSignal): Promise<Buffer> {
  for (;;) {
    const chunk: Buffer | null = socket.read(bytes)
    if (chunk?.length === bytes) return chunk
    if (chunk || socket.readableEnded) throw new Error('the proxy closed the connection')
    await once(socket, 'readable', { signal })
  }
}
