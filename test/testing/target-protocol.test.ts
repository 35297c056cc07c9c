// together: plugin-hubs
/** A protocol of a plugin whose people choose a target: SOCKS 5 into the networks of agents. */
import { once } from 'node:events'
import { connect, type TLSSocket } from 'node:tls'
import t from 'tap'
import { conformPlugin, conformProtocol, type ProtocolVisit, programLogin } from '../../core/testing/index.ts'
import socksNetwork from './socks-network.ts'

t.test('a kind with targets reaches those that agents allow, and nothing else', async (t) => {
  conformPlugin(t, socksNetwork, { use: { access: {}, audit: {}, catalog: {}, tunnel: {} } })
  let echo = 0
  const dial = async ({ hub, app, visitor }: ProtocolVisit, port = echo, host = '127.0.0.1') => {
    const token = visitor === null ? 'nobody' : (await programLogin(hub, {}, visitor)).token
    const socket = connect({
      host: '127.0.0.1',
      port: hub.ports.public,
      servername: new URL(hub.url).hostname,
      ALPNProtocols: ['socks-network/1'],
      rejectUnauthorized: false,
    })
    await once(socket, 'secureConnect')
    const text = (value: string) => [value.length, ...Buffer.from(value)]
    socket.write(Buffer.from([5, 1, 2]))
    await read(socket, 2)
    socket.write(Buffer.from([1, ...text(app), ...text(token)]))
    if ((await read(socket, 2))[1] !== 0) throw new Error('the password is wrong')
    socket.write(Buffer.from([5, 1, 0, 3, ...text(host), port >> 8, port & 255]))
    const [, code] = await read(socket, 10)
    if (code !== 0) throw new Error(`reply ${code}`)
    return socket
  }
  conformProtocol(t, {
    kind: 'socks-network',
    alpn: 'socks-network/1',
    plugins: [{ plugin: socksNetwork }],
    uri(port) {
      echo = port
      return `tcp://127.0.0.1:${port}`
    },
    connect: dial,
    target: (visit, host, port) => dial(visit, port, host),
  })
})

/** Exactly `bytes` bytes; rejects when the socket ends before. */
async function read(socket: TLSSocket, bytes: number): Promise<Buffer> {
  for (;;) {
    const chunk = socket.read(bytes) as Buffer | null
    if (chunk?.length === bytes) return chunk
    if (chunk !== null || socket.readableEnded) throw new Error('the hub has closed the connection')
    await Promise.race([once(socket, 'readable'), once(socket, 'end')])
  }
}
