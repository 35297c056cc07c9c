import { lstatSync, readlinkSync, type Stats, statSync } from 'node:fs'
import { realpath } from 'node:fs/promises'
import { isAbsolute, join, sep } from 'node:path'
import { MezError } from '../kernel/error.ts'

const GROUP_WRITES = 0o020
const OTHERS_WRITE = 0o002
const STICKY = 0o1000

export interface PluginTrust {
  /** Folder of the program. Users who own it, or can change a folder above it, are trusted already. */
  readonly program: string
  /** Whether members of a file's group may write it, as package managers with umask 002 leave packages. */
  readonly groupWrites: boolean
}

/**
 * The real path of a file that is loaded as code. A user who can write it, or replace it or a folder or link on its
 * path, has the rights of the program: throws `MEZ_PLUGIN_UNSAFE` unless only root, the user of this process and the
 * owner of the program can. In a folder with the sticky bit, such as /tmp, users can replace only their own files.
 */
export async function safePluginFile(key: string, path: string, trust: PluginTrust): Promise<string> {
  const real = await realpath(path)
  // Windows has neither owners nor modes.
  if (!process.getuid) return real
  const program = await realpath(trust.program)
  const owners = [0, process.getuid(), statSync(program).uid]
  for (const [step, stats] of stepsTo(path)) {
    if (stats.isDirectory() && `${program}${sep}`.startsWith(join(step, sep))) continue
    if (!owners.includes(stats.uid)) {
      const whose = `${step} belongs to the user ${stats.uid}, who is neither root nor the user of this program`
      throw unsafe(key, whose, `If you trust what is in it, run chown -h root ${step}.`)
    }
    const writers = OTHERS_WRITE | (stats.isDirectory() || trust.groupWrites ? 0 : GROUP_WRITES)
    const sticky = stats.isDirectory() && (stats.mode & STICKY) !== 0
    if (stats.isSymbolicLink() || sticky || (stats.mode & writers) === 0) continue
    const hint = `Run chmod go-w ${step}, and make sure that nobody changed what is in it.`
    throw unsafe(key, `${step} can be written by users other than its owner`, hint)
  }
  return real
}

const unsafe = (key: string, what: string, hint: string): MezError =>
  new MezError('MEZ_PLUGIN_UNSAFE', `plugin '${key}': ${what}`, { hint })

/** Every folder and link on the path, including links to links, and finally the file. */
function* stepsTo(path: string): Generator<[string, Stats]> {
  let at = '/'
  const rest = path.split(sep)
  while (rest.length > 0) {
    const step = join(at, rest.shift()!)
    const stats = lstatSync(step)
    yield [step, stats]
    const target = stats.isSymbolicLink() ? readlinkSync(step) : null
    if (target !== null) rest.unshift(...target.split(sep))
    if (target === null) at = step
    else if (isAbsolute(target)) at = '/'
  }
}
