import { execFileSync } from 'node:child_process'
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'

const root = join(import.meta.dirname, '../..')

/**
 * Puts the sources of a commit into the folder, able to run: with the packages of this checkout where both are locked to
 * the same, else with its own from the registry.
 */
export function checkOut(ref: string, dir: string): void {
  const archive = execFileSync('git', ['-C', root, 'archive', ref], { maxBuffer: 1 << 30 })
  execFileSync('tar', ['-x', '-C', dir], { input: archive })
  const lock = (at: string) => readFileSync(join(at, 'package-lock.json'), 'utf8')
  if (lock(dir) !== lock(root)) {
    execFileSync('npm', ['ci', '--ignore-scripts', '--no-audit', '--no-fund'], { cwd: dir, stdio: 'inherit' })
    return
  }
  const [ours, theirs] = [join(root, 'node_modules'), join(dir, 'node_modules')]
  mkdirSync(theirs)
  for (const name of readdirSync(ours).filter((name) => name !== '@mezite')) {
    symlinkSync(join(ours, name), join(theirs, name))
  }
  // Links into the workspaces are relative: copied, they lead into the folder.
  cpSync(join(ours, '@mezite'), join(theirs, '@mezite'), { recursive: true, verbatimSymlinks: true })
  for (const workspace of workspaces(dir)) {
    const own = join(root, workspace, 'node_modules')
    if (existsSync(own)) symlinkSync(own, join(dir, workspace, 'node_modules'))
  }
}

const workspaces = (dir: string): string[] => [
  'core',
  'agent',
  ...['plugins', 'oclif-cli', 'examples'].flatMap((folder) =>
    readdirSync(join(dir, folder), { withFileTypes: true })
      .filter((entry) => entry.isDirectory())
      .map((entry) => join(folder, entry.name)),
  ),
]
