import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { rarely } from '../../base/limits/log-throttle.ts'
import { messageOf } from '../../kernel/error.ts'
import type { ListenerOptions } from './listener-options.ts'

export type ConnectionRefusals = ReturnType<typeof createConnectionRefusals>

/** Refuses connections of the public port, and counts them by reason. */
export function createConnectionRefusals(options: Pick<ListenerOptions, 'counted' | 'plainHttp' | 'log'>) {
  const { log, plainHttp, counted = () => {} } = options
  const warnRarely = rarely(log)

  function drop(socket: { destroy(): void }, reason: string): void {
    counted('refused', reason)
    socket.destroy()
  }

  return {
    counted,
    warnRarely,
    drop,
    /** Ends the connection with a TLS alert. */
    refuse(socket: Duplex, alert: Buffer, reason: string): void {
      log.debug({ reason, peer: (socket as Partial<Socket>).remoteAddress }, 'connection refused')
      counted('refused', reason)
      socket.end(alert, () => socket.destroy())
    },
    refusePlainHttp(socket: Socket, bytes: Buffer): void {
      counted('refused', 'plain_http')
      if (plainHttp) plainHttp(socket, bytes)
      else socket.destroy()
    },
    tooMany(socket?: Socket): void {
      warnRarely('drop', 'too many connections on the public port', null)
      counted('refused', 'connections_limit')
      socket?.destroy()
    },
    guard(socket: { destroy(): void }, run: () => unknown): void {
      try {
        run()
      } catch (error) {
        log.error({ error: messageOf(error) }, 'failed to pass a connection to its protocol')
        socket.destroy()
      }
    },
  }
}
