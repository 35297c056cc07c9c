import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import type { TLSSocket } from 'node:tls'
import { audit, catalog, defineHubPlugin, isMezError } from '@mezite/core'
import { access, appKinds, protocols, relaySocket, tunnel } from '@mezite/core/protocol'
import { readTarget, reply, SOCKS_REPLY } from './socks.ts'

const STEP_MS = 10_000
const POLL_MS = 20

/**
 * Lets operators register a network as an application (`protocol: socks-network`, `uri: tcp://HOST:PORT` of any machine of
 * it). A client opens TLS to the hub with the ALPN name `socks-network/1` and speaks SOCKS 5 (RFC 1928): its user name is the
 * application, its password the token of its session (RFC 1929). Each agent of the application connects to what its
 * `apps.allow` has, and each target is recorded.
 */
export default defineHubPlugin({
  name: 'socks-network',
  api: 1,
  summary: 'A SOCKS proxy into the networks of agents',
  needs: { access, audit, catalog, tunnel },
  provides: { appKinds, protocols },
  setup({ use, provide }) {
    const open = new Set<TLSSocket>()

    async function serve(socket: TLSSocket, clientIp: string): Promise<void> {
      const closed = new Promise<void>((resolve) => socket.once('close', () => resolve()))
      const signal = AbortSignal.timeout(STEP_MS)
      const { user: name, password: token, accept, target } = await readTarget(socket, signal)
      const admission = await use.access.admit({
        who: { kind: 'cert', token },
        app: use.catalog.byName(name),
        protocol: 'socks-network',
        clientIp,
        requestId: randomUUID(),
      })
      if (admission.outcome !== 'admitted') return void socket.end(Buffer.from([1, 1]))
      try {
        // The hub calls it when access ends, for example with a lock.
        admission.bind({ cut: () => void socket.destroy() })
        accept()
        const pipe = await use.tunnel.open(admission, { target: await target() })
        socket.write(reply(0))
        relaySocket(pipe, socket)
        await closed
      } catch (error) {
        const reason = isMezError(error) && 'reason' in error ? String(error.reason) : ''
        if (!socket.destroyed) socket.end(reply(SOCKS_REPLY[reason] ?? 1))
        await Promise.race([once(socket, 'finish', { signal }), closed]).catch(() => {})
      } finally {
        admission.close()
        const { user = null, roles = null } = admission.subject ?? {}
        const fields = { app: admission.app.name }
        use.audit.record({ type: 'app.session.end', success: true, user, roles, clientIp, fields })
      }
    }

    provide.appKinds({ name: 'socks-network', schemes: ['tcp'], servedByHub: false, targets: true })
    provide.protocols({
      name: 'socks-network',
      takes: 'alpn',
      alpn: 'socks-network/1',
      clientAuthority: null,
      accept(socket, { clientIp }) {
        open.add(socket)
        socket.on('error', () => {}).once('close', () => open.delete(socket))
        serve(socket, clientIp)
          .catch(() => {})
          .finally(() => socket.destroySoon())
      },
      async drain(signal) {
        while (open.size > 0 && !signal.aborted) await sleep(POLL_MS)
        for (const socket of open) socket.destroy()
      },
    })
  },
})
