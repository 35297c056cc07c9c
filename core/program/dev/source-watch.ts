import { type FSWatcher, readdirSync, watch } from 'node:fs'
import { join } from 'node:path'

/** An editor and a compiler write several files in a row; milliseconds. */
const SETTLED_MS = 60
/**
 * Dependencies change with an installation only, folders such as .git with every command, and a log with every line: one that
 * has the output of `mezhub dev` would restart the hub for ever.
 */
const IGNORED = /^(node_modules$|\.)|\.log$/

/** Calls `onChange` once after each burst of changes of files in these folders and in folders below them. */
export function watchSources(folders: readonly string[], onChange: () => void): { close(): void } {
  const watchers = new Map<string, FSWatcher>()
  let timer: NodeJS.Timeout | undefined

  function add(folder: string): void {
    if (watchers.has(folder)) return
    try {
      const watcher = watch(folder, (_event, name) => {
        if (name === null || IGNORED.test(name)) return
        clearTimeout(timer)
        timer = setTimeout(() => {
          for (const root of folders) add(root)
          for (const known of [...watchers.keys()]) addBelow(known)
          onChange()
        }, SETTLED_MS)
      })
      watcher.on('error', () => drop(folder))
      watchers.set(folder, watcher)
      addBelow(folder)
    } catch {
      // The folder was removed in the meantime.
      drop(folder)
    }
  }

  function addBelow(folder: string): void {
    try {
      for (const entry of readdirSync(folder, { withFileTypes: true }))
        if (entry.isDirectory() && !IGNORED.test(entry.name)) add(join(folder, entry.name))
    } catch {
      drop(folder)
    }
  }

  function drop(folder: string): void {
    watchers.get(folder)?.close()
    watchers.delete(folder)
  }

  for (const folder of folders) add(folder)
  return {
    close() {
      clearTimeout(timer)
      for (const watcher of watchers.values()) watcher.close()
    },
  }
}
