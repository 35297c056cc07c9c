import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { createInterface } from 'node:readline/promises'

/** A real program that tests drive, with the Debian package that it comes from. */
interface NeededProgram {
  readonly package: string
  readonly paths: readonly string[]
}

/** By the names that the mark `needs` of a test file has. */
export const PROGRAMS: Readonly<Record<string, NeededProgram>> = {
  chromium: {
    package: 'chromium-headless-shell',
    paths: ['/usr/bin/chromium-headless-shell', '/usr/bin/chromium'],
  },
  PostgreSQL: { package: 'postgresql', paths: ['/usr/lib/postgresql'] },
  redis: { package: 'redis-server', paths: ['/usr/bin/redis-server'] },
  sshd: { package: 'openssh-server', paths: ['/usr/sbin/sshd'] },
  nginx: { package: 'nginx', paths: ['/usr/sbin/nginx'] },
  haproxy: { package: 'haproxy', paths: ['/usr/sbin/haproxy'] },
  caddy: { package: 'caddy', paths: ['/usr/bin/caddy'] },
  tinyproxy: { package: 'tinyproxy', paths: ['/usr/bin/tinyproxy'] },
  zsh: { package: 'zsh', paths: ['/usr/bin/zsh'] },
  fish: { package: 'fish', paths: ['/usr/bin/fish'] },
  systemd: { package: 'systemd', paths: ['/usr/bin/systemd-sysusers'] },
  runc: { package: 'runc', paths: ['/usr/sbin/runc', '/usr/bin/runc'] },
  pebble: { package: 'pebble', paths: ['/usr/bin/pebble'] },
  bind: { package: 'bind9', paths: ['/usr/sbin/named'] },
  mod_auth_openidc: {
    package: 'libapache2-mod-auth-openidc',
    paths: ['/usr/lib/apache2/modules/mod_auth_openidc.so'],
  },
  prometheus: { package: 'prometheus', paths: ['/usr/bin/prometheus'] },
  'secret-tool': { package: 'libsecret-tools', paths: ['/usr/bin/secret-tool'] },
  'gnome-keyring': { package: 'gnome-keyring', paths: ['/usr/bin/gnome-keyring-daemon'] },
  radicale: { package: 'radicale', paths: ['/usr/bin/radicale'] },
  vdirsyncer: { package: 'vdirsyncer', paths: ['/usr/bin/vdirsyncer'] },
  zbar: { package: 'zbar-tools', paths: ['/usr/bin/zbarimg'] },
  faketime: { package: 'faketime', paths: ['/usr/bin/faketime'] },
}

/** Those of these programs that this machine lacks. */
export const missingOf = (names: Iterable<string>): readonly string[] =>
  [...new Set(names)].filter((name) => !PROGRAMS[name]!.paths.some((path) => existsSync(path))).sort()

/** What the machine and the terminal allow. */
export interface Installer {
  readonly root: boolean
  /** Has apt-get. */
  readonly debian: boolean
  readonly sudo: boolean
  /** Continuous integration: nobody answers, and sudo needs no password. */
  readonly ci: boolean
  /** Asks a person; null: there is nobody to ask. */
  readonly ask: ((question: string) => Promise<string>) | null
  readonly say: (line: string) => void
  /** Returns whether it succeeded. */
  readonly run: (command: string, args: readonly string[]) => boolean
}

/**
 * Installs the programs by apt-get: as root, or with sudo if the person agrees. Returns those that are still missing
 * afterwards, as `missing` sees them.
 */
export async function provide(
  names: readonly string[],
  { root, debian, sudo, ci, ask, say, run }: Installer,
  missing = missingOf,
): Promise<readonly string[]> {
  if (names.length === 0 || !debian) return names
  const packages = names.map((name) => PROGRAMS[name]!.package)
  const install = ['apt-get', 'install', '--yes', '--no-install-recommends', '--quiet=2', ...packages]
  const prefix = root ? [] : ci ? ['sudo', '--non-interactive'] : ['sudo']
  if (!root) {
    if (!sudo || (!ci && ask === null)) return names
    if (!ci) {
      say(`The tests drive programs that this machine lacks:\n  ${install.join(' ')}`)
      const answer = await ask!('Install them with sudo? [Y/n] ')
      if (!/^(y|yes)?$/i.test(answer.trim())) return names
    }
  } else say(`Installing programs that the tests drive: ${packages.join(' ')}`)
  const asRoot = (args: readonly string[]) => {
    const [command, ...rest] = [...prefix, 'env', 'DEBIAN_FRONTEND=noninteractive', ...args]
    return run(command!, rest)
  }
  // An index that is a day old has everything that a machine lacks.
  if (!asRoot(install)) asRoot(['apt-get', 'update', '--quiet=2']) && asRoot(install)
  return missing(names)
}

/** This machine. */
export function thisMachine(): Installer {
  const { stdin, stdout } = process
  return {
    root: process.getuid?.() === 0,
    debian: existsSync('/usr/bin/apt-get'),
    sudo: existsSync('/usr/bin/sudo'),
    ci: Boolean(process.env.CI),
    ask:
      stdin.isTTY && stdout.isTTY
        ? async (question) => {
            const lines = createInterface({ input: stdin, output: stdout })
            return await lines.question(question).finally(() => lines.close())
          }
        : null,
    say: (line) => void stdout.write(`${line}\n`),
    run: (command, args) =>
      spawnSync(command, args, { stdio: ['inherit', 'ignore', 'inherit'] }).status === 0,
  }
}

/** `npm run setup`: installs every program that the tests drive. */
if (import.meta.main) {
  const lacking = missingOf(Object.keys(PROGRAMS))
  const left = await provide(lacking, thisMachine())
  const packages = left.map((name) => PROGRAMS[name]!.package)
  if (left.length > 0)
    process.stderr.write(
      `error: ${left.join(', ')}: not installed\nInstall ${packages.join(' ')} (names of Debian's packages), as root.\n`,
    )
  else process.stdout.write('Every program that the tests drive is installed.\n')
  process.exitCode = left.length > 0 ? 1 : 0
}
