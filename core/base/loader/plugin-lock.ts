import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { readdir, readFile, realpath, stat } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { MezError } from '../../kernel/error.ts'
import { type PluginFile, packageFolder } from './plugin-locator.ts'

/** The accepted plugins that are not of the standard set, beside the configuration. Without the file, each plugin loads as it is. */
export const PLUGIN_LOCK = 'mezite-plugins.lock.json'

/** A plugin as an operator accepted it. */
export interface LockedPlugin {
  readonly version: string | null
  /** Of its files and of those that it depends on, in hexadecimal. */
  readonly sha256: string
}

/** The accepted plugins by their keys under `plugins:`; null without a lock file. Throws `MEZ_PLUGIN_CHANGED` for a damaged one. */
export async function readPluginLock(folder: string): Promise<Readonly<Record<string, LockedPlugin>> | null> {
  const file = join(folder, PLUGIN_LOCK)
  try {
    const { plugins } = JSON.parse(await readFile(file, 'utf8'))
    if (typeof plugins !== 'object' || plugins === null) throw new Error('it has no "plugins"')
    return plugins
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return null
    throw new MezError('MEZ_PLUGIN_CHANGED', `${file} cannot be read: ${(cause as Error).message}`, { cause })
  }
}

/** Throws `MEZ_PLUGIN_CHANGED` unless the plugin is as it was accepted. */
export async function requireLocked(key: string, file: PluginFile, folder: string): Promise<void> {
  const lock = await readPluginLock(folder)
  if (lock === null) return
  const accepted = Object.hasOwn(lock, key) ? lock[key] : undefined
  if (accepted?.sha256 === (await lockedPlugin(file)).sha256) return
  const problem = accepted ? 'has changed since it was accepted' : 'was never accepted'
  throw new MezError(
    'MEZ_PLUGIN_CHANGED',
    `plugin '${key}' (${file.path}) ${problem} in ${join(folder, PLUGIN_LOCK)}`,
  )
}

/** A plugin as it is on the disk: its package with each package that it depends on except the core, or its one file. */
export async function lockedPlugin({ path, folder, version }: PluginFile): Promise<LockedPlugin> {
  const hash = createHash('sha256')
  const seen = new Set<string>()
  const addFile = async (file: string, name: string): Promise<void> => {
    const own = createHash('sha256')
    await pipeline(createReadStream(file), own)
    hash.update(`${own.digest('hex')}  ${name}\n`)
  }
  /** Follows links, since Node.js does. */
  const addFiles = async (at: string): Promise<void> => {
    const real = await realpath(at)
    if (seen.has(real)) return
    seen.add(real)
    hash.update(`${basename(at)}/\n`)
    for (const name of (await readdir(at)).sort()) {
      const found = await stat(join(at, name)).catch(() => null)
      if (found?.isDirectory()) await addFiles(join(at, name))
      else if (found?.isFile()) await addFile(join(at, name), name)
    }
  }
  const addPackage = async (at: string): Promise<void> => {
    if (seen.has(await realpath(at))) return
    await addFiles(at)
    const { dependencies = {} } = JSON.parse(await readFile(join(at, 'package.json'), 'utf8'))
    for (const name of Object.keys(dependencies).sort()) {
      const found = name === '@mezite/core' ? null : await packageFolder(name, at)
      if (found !== null) await addPackage(found)
    }
  }
  await (folder === undefined ? addFile(path, '') : addPackage(folder))
  return { version: version ?? null, sha256: hash.digest('hex') }
}
