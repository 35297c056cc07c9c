import { createServer, type Server, type Socket } from 'node:net'
import type { Pipe } from '../../../core/api/tunnel.ts'
import { startTunnelHub, type TunnelHub } from './start-tunnel-hub.ts'

interface Teardown {
  teardown(run: () => unknown): void
}

/** An application on a free port; its sockets may be half open. */
export async function startApp(
  t: Teardown,
  take: (socket: Socket) => void,
): Promise<{ uri: string; server: Server }> {
  const open = new Set<Socket>()
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    open.add(socket)
    socket.on('error', () => {})
    take(socket)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.teardown(() => {
    for (const socket of open) socket.destroy()
    server.close()
  })
  return { uri: `tcp://127.0.0.1:${(server.address() as { port: number }).port}`, server }
}

export interface Read {
  bytes: Buffer
  ended: boolean
  error: Error | null
}

/** Everything until the pipe closes. */
export function drain(pipe: Pipe): Promise<Read> {
  const chunks: Buffer[] = []
  let ended = false
  return new Promise((resolve) => {
    pipe.ondata = (chunk) => void chunks.push(chunk)
    pipe.onend = () => {
      ended = true
    }
    pipe.onclose = (error) => resolve({ bytes: Buffer.concat(chunks), ended, error })
  })
}

/** A hub with the agent `node-1`. */
export async function joined(t: Teardown): Promise<TunnelHub> {
  const hub = await startTunnelHub()
  t.teardown(() => hub.close())
  await hub.agent({ token: await hub.token() }).start()
  await hub.until(() => hub.tunnel.links().length === 1, 'the agent is connected')
  return hub
}
