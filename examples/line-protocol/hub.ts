import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import type { TLSSocket } from 'node:tls'
import { audit, catalog, defineHubPlugin, Type } from '@mezite/core'
import { access, appKinds, protocols, relaySocket, tunnel } from '@mezite/core/protocol'

const LINE_MS = 10_000
const LINE_BYTES = 512
const POLL_MS = 20

/**
 * Lets operators register applications with `protocol: line-protocol` and a URI such as `line-protocol://host:port`, and
 * serves them: a client connects to the public port of the hub with the ALPN name `line-protocol/1`, sends a line with its
 * token and the name of the application, and then speaks to the application.
 */
export default defineHubPlugin({
  name: 'line-protocol',
  api: 1,
  summary: 'A kind of application',
  config: Type.Closed({
    prefer: Type.Array(Type.String(), {
      default: [],
      description: 'Host names of agents that serve these applications while one of them is connected',
    }),
  }),
  needs: { access, audit, catalog, tunnel },
  provides: { appKinds, protocols },
  setup({ config, use, provide, tap }) {
    const open = new Set<TLSSocket>()

    async function serve(socket: TLSSocket, clientIp: string): Promise<void> {
      // The client may leave at any step.
      const closed = new Promise<void>((resolve) => socket.once('close', () => resolve()))
      const [token = '', name = ''] = (await readLine(socket)).split(' ')
      const admission = await use.access.admit({
        who: { kind: 'cert', token },
        app: use.catalog.byName(name),
        protocol: 'line-protocol',
        clientIp,
        requestId: randomUUID(),
      })
      if (admission.outcome !== 'admitted') return
      try {
        // The hub calls it when access ends, for example with a lock.
        admission.bind({ cut: () => void socket.destroy() })
        const app = await use.tunnel.open(admission)
        relaySocket(app, socket)
        await closed
      } finally {
        admission.close()
        const { user = null, roles = null } = admission.subject ?? {}
        const fields = { app: admission.app.name }
        use.audit.record({ type: 'app.session.end', success: true, user, roles, clientIp, fields })
      }
    }

    // The order among equals stays as it was, so load is still shared.
    tap.tunnel.route((links, { protocol }) => {
      const near = links.filter(({ hostname }) => config.prefer.includes(hostname))
      return protocol === 'line-protocol' && near.length > 0 ? near : undefined
    })
    provide.appKinds({ name: 'line-protocol', schemes: ['line-protocol'], servedByHub: false })
    provide.protocols({
      name: 'line-protocol',
      takes: 'alpn',
      alpn: 'line-protocol/1',
      // The token identifies the client. A certificate of `msh login` would with 'user-ca'.
      clientAuthority: null,
      accept(socket, { clientIp }) {
        open.add(socket)
        socket.on('error', () => {}).once('close', () => open.delete(socket))
        serve(socket, clientIp)
          .catch(() => {})
          .finally(() => socket.destroy())
      },
      async drain(signal) {
        while (open.size > 0 && !signal.aborted) await sleep(POLL_MS)
        for (const socket of open) socket.destroy()
      },
    })
  },
})

/** The first line; what follows it stays in the socket. */
async function readLine(socket: TLSSocket): Promise<string> {
  const signal = AbortSignal.timeout(LINE_MS)
  for (let line = ''; line.length < LINE_BYTES; ) {
    const byte = socket.read(1) as Buffer | null
    if (byte === null) await once(socket, 'readable', { signal })
    else if (byte.toString() === '\n') return line
    else line += byte.toString('latin1')
  }
  throw new Error('the first line is too long')
}
