/**
 * Loaded into a program before itself: says on a socket, whenever somebody connects, what the process holds after a
 * garbage collection. `SOAK_PROBE_DIR` names the folder of the socket; it is called after the process. That collection stops the
 * program, for seconds if it holds much, so a second socket (`.heap`) has the heap as it was after the program's own last one.
 */
import { createServer, type Server } from 'node:net'
import { join } from 'node:path'
import { constants, type NodeGCPerformanceDetail, PerformanceObserver } from 'node:perf_hooks'
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
  let heap = process.memoryUsage().heapUsed
  const observer = new PerformanceObserver((list) => {
    // The types do not know that entries of collections say more.
    for (const entry of list.getEntries() as unknown as readonly { detail: NodeGCPerformanceDetail }[])
      if (entry.detail.kind === constants.NODE_PERFORMANCE_GC_MAJOR) heap = process.memoryUsage().heapUsed
  })
  observer.observe({ entryTypes: ['gc'] })
  const heapServer = createServer((socket) => {
    socket.on('error', () => {})
    socket.end(String(heap))
  })
  const listen = (one: Server, ending: string) => {
    one.on('error', () => {})
    one.listen(join(folder, `${process.pid}.${ending}`)).unref()
  }
  listen(server, 'sock')
  listen(heapServer, 'heap')
}
