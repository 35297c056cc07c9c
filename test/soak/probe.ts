/**
 * Loaded into a program before itself: says on a socket, whenever somebody connects, what the process holds after a
 * garbage collection. `SOAK_PROBE_DIR` names the folder of the socket; it is called after the process.
 */
import { createServer } from 'node:net'
import { join } from 'node:path'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'

/** Bytes after a collection, and how many resources of each kind keep the event loop alive. */
export interface Held {
  readonly heap: number
  readonly buffers: number
  readonly resident: number
  readonly handles: Readonly<Record<string, number>>
}

const folder = process.env.SOAK_PROBE_DIR
if (folder !== undefined) {
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc') as () => void
  const server = createServer((socket) => {
    socket.on('error', () => {})
    collect()
    // What finalizers let go of in the first pass goes in the second.
    setImmediate(() => {
      collect()
      const { heapUsed, arrayBuffers, rss } = process.memoryUsage()
      const handles: Record<string, number> = {}
      for (const name of process.getActiveResourcesInfo()) handles[name] = (handles[name] ?? 0) + 1
      socket.end(
        JSON.stringify({ heap: heapUsed, buffers: arrayBuffers, resident: rss, handles } satisfies Held),
      )
    })
  })
  server.on('error', () => {})
  server.listen(join(folder, `${process.pid}.sock`)).unref()
}
