import { lstatSync, readlinkSync, type Stats, statSync } from 'node:fs'
import { realpath } from 'node:fs/promises'
import { dirname, isAbsolute, join, sep } from 'node:path'
import { MezError } from './error.ts'

const GROUP_WRITES = 0o020
const OTHERS_WRITE = 0o002
const STICKY = 0o1000

export interface PluginTrust {
  /** Folder of the program. Whoever owns it, or can change a folder that it lies in, is trusted already. */
  readonly program: string
  /** Whether members of a file's group may write it, as package managers with umask 002 leave packages. */
  readonly groupWrites: boolean
}

/**
 * The real path of a file that becomes code of this process. Whoever can write it, or swap it or a folder or link on
 * the way to it, has the rights of the program: throws `MEZ_PLUGIN_UNSAFE` unless these are root, the user of this
 * process and the owner of the program alone. In a folder with the sticky bit, such as /tmp, everybody may swap only
 * what is their own.
 */
export async function safePluginFile(key: string, path: string, trust: PluginTrust): Promise<string> {
  const real = await realpath(path)
  // Windows has neither owners nor modes.
  if (!process.getuid) return real
  const program = await realpath(trust.program)
  const owners = [0, process.getuid(), statSync(program).uid]
  for (const [step, stats] of stepsTo(path)) {
    if (stats.isDirectory() && `${program}${sep}`.startsWith(join(step, sep))) continue
    if (!owners.includes(stats.uid)) throw strange(key, step, stats.uid)
    const writers = OTHERS_WRITE | (stats.isDirectory() || trust.groupWrites ? 0 : GROUP_WRITES)
    const sticky = stats.isDirectory() && (stats.mode & STICKY) !== 0
    if (!stats.isSymbolicLink() && !sticky && (stats.mode & writers) !== 0) throw writable(key, step)
  }
  return real
}

/** Every folder, link and at last the file that is passed when the path is followed, links of links too. */
function* stepsTo(path: string): Generator<[string, Stats]> {
  let at = '/'
  const rest = path.split(sep)
  while (rest.length > 0) {
    const step = join(at, rest.shift()!)
    const stats = lstatSync(step)
    yield [step, stats]
    if (!stats.isSymbolicLink()) {
      at = step
      continue
    }
    const target = readlinkSync(step)
    rest.unshift(...target.split(sep))
    at = isAbsolute(target) ? '/' : dirname(step)
  }
}

function writable(key: string, path: string): MezError {
  return new MezError('MEZ_PLUGIN_UNSAFE', `plugin '${key}': others than its owner can write ${path}`, {
    hint: `Run chmod go-w ${path}, and make sure that nobody changed what is in it.`,
  })
}

function strange(key: string, path: string, uid: number): MezError {
  const message = `plugin '${key}': ${path} belongs to the user ${uid}, who is neither root nor the user of this program`
  return new MezError('MEZ_PLUGIN_UNSAFE', message, {
    hint: `If you trust what is in it, run chown -h root ${path}.`,
  })
}
