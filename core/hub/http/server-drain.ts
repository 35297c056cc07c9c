import type { Server } from 'node:http'

/** Counts exchanges of a server from now on; the returned function waits for the last one. */
export function drainServer(server: Server): (signal: AbortSignal) => Promise<void> {
  let open = 0
  let idle: (() => void) | undefined
  server.on('request', (_request, response) => {
    open++
    response.once('close', () => {
      open--
      if (open === 0) idle?.()
    })
  })
  return async (signal) => {
    server.closeIdleConnections()
    if (open > 0 && !signal.aborted) {
      await new Promise<void>((resolve) => {
        idle = resolve
        signal.addEventListener('abort', () => resolve(), { once: true })
      })
    }
    server.closeAllConnections()
  }
}
