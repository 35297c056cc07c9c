import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { MezError, messageOf } from '../../kernel/error.ts'
import { launchdPlist, type ServiceName, serviceUser, systemdUnit } from './service-unit.ts'

const run = promisify(execFile)
const DEADLINE_MS = 120_000
const PACKAGED = '/usr/lib/systemd/system'

export interface ServiceInstallation {
  readonly name: ServiceName
  /** Absolute path of the configuration that the service starts with. */
  readonly configFile: string
  /** Other files that the service reads, absolute. */
  readonly files: readonly string[]
  /** How this program was started: Node.js and its script. Default: this process. */
  readonly program?: readonly string[]
  readonly platform?: NodeJS.Platform
  /** Folder in place of `/`, for an image of a system that does not run: nothing is started then. */
  readonly root?: string
}

/**
 * Writes the unit of the service manager for a configuration, creates the system user, gives it the files, and starts the
 * service now and with the machine. A Debian package has brought the unit along, which then stays. Resolves to what was done,
 * a line each. Throws `MEZ_SERVICE_UNINSTALLABLE` with the reason.
 */
export async function installService(options: ServiceInstallation): Promise<readonly string[]> {
  const { name, configFile, files, platform = process.platform, root = '' } = options
  const program = options.program ?? [process.execPath, process.argv[1] ?? '']
  if (root === '' && process.getuid?.() !== 0)
    throw uninstallable('only root can install a service', 'Run the command again with sudo.')
  const hidden = [...program, configFile].find((path) => /^\/(home|root|Users|tmp)\//.test(path))
  if (hidden !== undefined && root === '')
    throw uninstallable(
      `${hidden} is in a folder that the service cannot read`,
      'Install the program for all users (npm install --global), and keep the configuration in /etc/mezite.',
    )
  const { user, dataDir } = serviceUser(name)
  const command = [...program, 'start', '--config', configFile]
  if (platform === 'darwin') {
    const file = `/Library/LaunchDaemons/dev.mezite.${name}.plist`
    await write(join(root, file), launchdPlist(name, command))
    if (root !== '') return [`Wrote ${file}.`]
    const account = `_${user.replaceAll('-', '_')}`
    await call('sysadminctl', [
      '-addUser',
      account,
      '-roleAccount',
      '-UID',
      name === 'mezhub' ? '441' : '442',
    ])
    await giveFiles(account, dataDir, [configFile, ...files])
    await call('launchctl', ['bootstrap', 'system', file])
    return [
      `Wrote ${file}.`,
      `Started ${name}; see its state with: launchctl print system/dev.mezite.${name}`,
    ]
  }
  if (platform !== 'linux') throw uninstallable(`services are not supported on ${platform}`)
  const done: string[] = []
  if (existsSync(join(root, PACKAGED, `${name}.service`)))
    done.push(`${name}.service of the package is used.`)
  else {
    const file = `/etc/systemd/system/${name}.service`
    const words = command.map((word) => (/[\s"'\\%$]/.test(word) ? quoted(word) : word))
    await write(join(root, file), systemdUnit(name, words.join(' ')))
    done.push(`Wrote ${file}.`)
  }
  if (root !== '') return done
  if (!existsSync('/run/systemd/system'))
    throw uninstallable('systemd does not run on this machine', `Start it by hand: ${command.join(' ')}`)
  if (!(await exists(user)))
    await call('useradd', [
      '--system',
      '--user-group',
      '--home-dir',
      dataDir,
      '--shell',
      '/usr/sbin/nologin',
      user,
    ])
  await giveFiles(user, dataDir, [configFile, ...files])
  await call('systemctl', ['daemon-reload'])
  await call('systemctl', ['enable', '--now', `${name}.service`])
  return [...done, `Started ${name}; see its log with: journalctl -u ${name}`]
}

/** In a unit, `%` begins a specifier and `$` a variable. */
const quoted = (word: string): string =>
  `"${word.replaceAll(/["\\]/g, '\\$&').replaceAll('%', '%%').replaceAll('$', '$$$$')}"`

const exists = (user: string): Promise<boolean> =>
  run('id', ['-u', user], { timeout: DEADLINE_MS }).then(
    () => true,
    () => false,
  )

/** `init` ran as root, so root owns what it wrote. */
async function giveFiles(user: string, dataDir: string, files: readonly string[]): Promise<void> {
  await mkdir(dataDir, { recursive: true, mode: 0o700 })
  await call('chown', ['-R', `${user}:`, dataDir])
  for (const file of files) if (existsSync(file)) await call('chown', [`${user}:`, file])
}

async function write(file: string, text: string): Promise<void> {
  await writeFile(file, text, { mode: 0o644 }).catch((cause: Error) => {
    throw uninstallable(`cannot write ${file}: ${messageOf(cause)}`)
  })
}

async function call(program: string, args: readonly string[]): Promise<void> {
  await run(program, args, { timeout: DEADLINE_MS }).catch((error: Error & { stderr?: string }) => {
    throw uninstallable(`${program} ${args.join(' ')} failed: ${error.stderr?.trim() || messageOf(error)}`)
  })
}

const uninstallable = (why: string, hint?: string): MezError =>
  new MezError(
    'MEZ_SERVICE_UNINSTALLABLE',
    `the service cannot be installed: ${why}`,
    hint === undefined ? {} : { hint },
  )
