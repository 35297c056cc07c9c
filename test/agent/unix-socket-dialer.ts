import { connect, type Socket } from 'node:net'
import { type DialTarget, defineAgentPlugin, Type } from '@mezite/core'

/**
 * Reaches applications that listen on a Unix socket: `sockets` maps an app's name to the path. The map is the
 * agent's own allow-list, since the hub can name an app but never a path.
 */
export default defineAgentPlugin({
  name: 'unix-socket-dialer',
  api: 1,
  summary: 'Dials applications behind Unix sockets',
  config: Type.Object(
    { sockets: Type.Record(Type.String(), Type.String()) },
    { additionalProperties: false },
  ),
  setup({ config, tap }) {
    const paths = new Map(Object.entries(config.sockets))
    tap.dial.open((target) => {
      const path = paths.get(target.app)
      return path === undefined ? null : dial(path, target)
    })
  },
})

function dial(path: string, target: DialTarget): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect({ path, allowHalfOpen: true })
    const deadline = setTimeout(
      () => socket.destroy(new Error(`${path} did not respond in time`)),
      target.connectMs,
    )
    // This listener stays, so that an error before the caller adds its own listener is handled.
    socket.on('error', reject)
    socket.on('close', () => clearTimeout(deadline))
    socket.once('connect', () => {
      clearTimeout(deadline)
      resolve(socket)
    })
  })
}
