import { once } from 'node:events'
import { connect } from 'node:net'
import { DialRefusal, defineAgentPlugin, messageOf } from '@mezite/core'

/** Dials `my-plugin://host:port` over TCP. The agent dials every other target itself, within its allow-list. */
export default defineAgentPlugin({
  name: 'my-plugin',
  api: 1,
  summary: 'Dials a kind of application',
  setup({ tap }) {
    tap.dial.open(async ({ uri, connectMs }) => {
      const { protocol, hostname, port } = new URL(uri)
      if (protocol !== 'my-plugin:') return null
      const socket = connect({ host: hostname, port: Number(port), allowHalfOpen: true })
      try {
        await once(socket, 'connect', { signal: AbortSignal.timeout(connectMs) })
        return socket
      } catch (error) {
        socket.destroy()
        throw new DialRefusal('refused', messageOf(error))
      }
    })
  },
})
