import { once } from 'node:events'
import { connect } from 'node:net'
import { DialRefusal, defineAgentPlugin, messageOf, Type } from '@mezite/core'

/**
 * Dials `line-protocol://host:port` over TCP. `hosts` is its allow-list: `apps.allow` of the agent is for the targets that the
 * agent dials itself.
 */
export default defineAgentPlugin({
  name: 'line-protocol',
  api: 1,
  summary: 'Dials a kind of application',
  config: Type.Closed({
    hosts: Type.Array(Type.String(), { default: [], description: 'Hosts that may be dialled' }),
  }),
  setup({ config, tap }) {
    tap.dial.open(async ({ uri, connectMs }) => {
      const { protocol, hostname, port } = new URL(uri)
      if (protocol !== 'line-protocol:') return null
      if (!config.hosts.includes(hostname))
        throw new DialRefusal('target_not_allowed', `"hosts" of line-protocol does not contain ${hostname}`)
      const socket = connect({ host: hostname, port: Number(port), allowHalfOpen: true })
      try {
        await once(socket, 'connect', { signal: AbortSignal.timeout(connectMs) })
        return socket
      } catch (error) {
        socket.on('error', () => {}).destroy()
        throw new DialRefusal('refused', messageOf(error))
      }
    })
  },
})
