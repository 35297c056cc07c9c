import { join } from 'node:path'
import { makePrivateFolder, readPrivateFile, writePrivateFile } from '@mezite/cli-shared'

/** Remembers in `<dir>/ports.json` which port an app of a hub was given, so that it is the same the next time. */
export interface PortMemory {
  get(hub: string, app: string): number | null
  /** May fail, for example on a file system that is read-only. */
  put(hub: string, app: string, port: number): void
}

/** A memory in the folder. A file that cannot be understood counts as empty. */
export function createPortMemory(dir: string): PortMemory {
  const file = join(dir, 'ports.json')
  function load(): Record<string, unknown> {
    try {
      const kept: unknown = JSON.parse(readPrivateFile(file) ?? '{}')
      return typeof kept === 'object' && kept !== null ? { ...kept } : {}
    } catch {
      return {}
    }
  }
  return {
    get(hub, app) {
      const port = load()[`${hub}/${app}`]
      return typeof port === 'number' && Number.isInteger(port) && port > 0 && port < 65_536 ? port : null
    },
    put(hub, app, port) {
      const kept = load()
      if (kept[`${hub}/${app}`] === port) return
      makePrivateFolder(dir)
      writePrivateFile(file, `${JSON.stringify({ ...kept, [`${hub}/${app}`]: port }, null, 2)}\n`)
    },
  }
}
