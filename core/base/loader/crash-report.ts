import { dirname, sep } from 'node:path'
import { fileURLToPath } from 'node:url'
import { messageOf } from '../../kernel/error.ts'
import type { Log } from '../../kernel/log.ts'
import type { LoadedPlugin } from './plugin-loader.ts'

/**
 * Logs an uncaught error with its stack and, if a frame of the stack is in a plugin, the name of that plugin. The
 * program is in an unknown state and must exit.
 */
export function reportCrash(error: unknown, plugins: readonly LoadedPlugin[], log: Log): void {
  const stack = error instanceof Error ? (error.stack ?? null) : null
  const plugin = ownerOf(stack ?? '', plugins)
  const source = plugin === null ? 'unexpected error' : `unexpected error of plugin '${plugin}'`
  log.error({ ...(plugin === null ? {} : { plugin }), stack }, `${source}, ending: ${messageOf(error)}`)
}

/** The plugin of the innermost stack frame that belongs to a plugin. */
function ownerOf(stack: string, plugins: readonly LoadedPlugin[]): string | null {
  const isBelow = (path: string, file: string) => {
    const folder = `${dirname(file)}${sep}`
    return path.startsWith(folder) && !path.slice(folder.length).includes(`node_modules${sep}`)
  }
  for (const [url] of stack.matchAll(/file:\/\/[^\s)]+?(?=:\d+:\d+)/g)) {
    const path = fileURLToPath(url)
    const owner = plugins.find(({ file }) => file === path) ?? plugins.find(({ file }) => isBelow(path, file))
    if (owner) return owner.plugin.name
  }
  return null
}
