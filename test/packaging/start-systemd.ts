// needs: systemd
import { type ChildProcess, execFile, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { cleanEnv } from '../oclif-cli/run-program.ts'
import { until } from '../until.ts'

const SYSTEMD = '/usr/lib/systemd/systemd'
/** Units of the system that services refer to; nothing else starts. */
const TARGETS = ['basic', 'sysinit', 'network-online', 'shutdown', 'umount', 'multi-user']
const COMMAND_MS = 120_000

/** A systemd that is process 1 of namespaces of its own. */
export interface Systemd {
  /** Runs a program in these namespaces. */
  run(program: string, args: readonly string[]): Promise<string>
  close(): Promise<void>
}

/** Why no systemd can be started here; null if it can. */
export function whyNoSystemd(): string | null {
  if (process.platform !== 'linux' || !existsSync(SYSTEMD)) return 'systemd is not installed'
  if (process.getuid?.() !== 0) return 'only root can start a systemd in namespaces of its own'
  const { status } = spawnSync('unshare', ['--mount', '--pid', '--net', '--fork', '--cgroup', 'true'])
  return status === 0 ? null : 'namespaces cannot be made here'
}

/**
 * Starts systemd. `binds` are folders that it sees elsewhere. What programs write to `/etc`, `/run`, `/var/lib` and `/var/log`
 * is gone when it ends, and ports are its own.
 */
export async function startSystemd(binds: Readonly<Record<string, string>>): Promise<Systemd> {
  const folder = mkdtempSync(join(tmpdir(), 'mezite-systemd-'))
  const units = join(folder, 'units')
  mkdirSync(units)
  for (const name of TARGETS)
    writeFileSync(join(units, `${name}.target`), `[Unit]\nDescription=${name}\nDefaultDependencies=no\n`)
  const mounts = Object.entries(binds).map(([from, to]) => `mkdir -p ${to}\nmount --bind ${from} ${to}`)
  const boot = `set -e
mount --make-rprivate /
mount -t proc proc /proc
mount -t tmpfs tmpfs /run
ip link set lo up
mount -t cgroup2 cgroup2 /sys/fs/cgroup
for folder in /var/lib /var/log /srv; do mount -t tmpfs tmpfs $folder; done
mkdir -p /run/upper /run/work /run/units
mount --bind ${units} /run/units
mount -t overlay overlay -o lowerdir=/etc,upperdir=/run/upper,workdir=/run/work /etc
mkdir -p /etc/systemd/system /etc/mezite
${mounts.join('\n')}
# Where a service stops, systemd removes what its user has there, and the folders of the tests may be there.
mount -t tmpfs tmpfs /dev/shm
export SYSTEMD_UNIT_PATH=/etc/systemd/system:/run/units container=other
exec ${SYSTEMD} --system --unit=multi-user.target --log-target=console --show-status=0
`
  writeFileSync(join(folder, 'boot.sh'), boot)
  const namespaces = ['--mount', '--pid', '--net', '--fork', '--cgroup', '--uts', '--ipc', '--kill-child']
  const child: ChildProcess = spawn('unshare', [...namespaces, 'bash', join(folder, 'boot.sh')], {
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let log = ''
  for (const stream of [child.stdout, child.stderr])
    stream?.setEncoding('utf8').on('data', (text: string) => {
      log = (log + text).slice(-100_000)
    })
  const ended = once(child, 'exit')
  const close = async () => {
    child.kill('SIGKILL')
    await ended
    rmSync(folder, { recursive: true, force: true })
  }
  /** Process 1 of the namespaces, as it is called here. */
  const pid = () => {
    const [first = ''] = readFileSync(`/proc/${child.pid}/task/${child.pid}/children`, 'utf8').split(' ')
    return first
  }
  const run = async (program: string, args: readonly string[]): Promise<string> => {
    const inside = ['-t', pid(), '-m', '-p', '-n', '-C', '-u', '-i', program, ...args]
    return (
      await promisify(execFile)('nsenter', inside, { timeout: COMMAND_MS, cwd: '/', env: cleanEnv({}) })
    ).stdout
  }
  try {
    await until(async () => {
      if (child.exitCode !== null) throw new Error(`systemd does not start:\n${log}`)
      return run('systemctl', ['is-system-running']).then(
        (text) => text.trim() === 'running',
        () => false,
      )
    }, 'systemd runs')
  } catch (error) {
    await close()
    throw new Error(`${(error as Error).message}\n${log}`)
  }
  return { run, close }
}
