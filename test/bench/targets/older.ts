import { execFileSync } from 'node:child_process'
import { cpSync, mkdirSync, readdirSync, readlinkSync, realpathSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import type { startOurs } from './ours.ts'

const ROOT = realpathSync(fileURLToPath(new URL('../../..', import.meta.url)))

/** The programs of another commit. */
export interface Older {
  /** Its abbreviated hash. */
  readonly commit: string
  readonly startOurs: typeof startOurs
}

/**
 * Takes the files of a commit to a folder, and its way to start hub and agent. It runs with the packages that are
 * installed here, whatever versions it asks for; its own packages are its own. Throws when there is no such commit.
 */
export async function checkOut(name: string, dir: string): Promise<Older> {
  const git = (...args: readonly string[]) =>
    execFileSync('git', ['-C', ROOT, ...args], { maxBuffer: 1 << 30 })
  const commit = git('rev-parse', '--short', '--verify', `${name}^{commit}`).toString().trim()
  mkdirSync(dir, { recursive: true })
  execFileSync('tar', ['-x', '-C', dir], { input: git('archive', '--format=tar', commit) })
  linkPackages('', dir)
  const module = (await import(pathToFileURL(join(dir, 'test/bench/targets/ours.ts')).href)) as {
    startOurs: typeof startOurs
  }
  return { commit, startOurs: module.startOurs }
}

/** Links to packages of this repository stay relative, so that they lead to those of the commit. */
function linkPackages(folder: string, dir: string): void {
  const from = join(ROOT, 'node_modules', folder)
  const to = join(dir, 'node_modules', folder)
  mkdirSync(to, { recursive: true })
  for (const entry of readdirSync(from, { withFileTypes: true })) {
    const path = join(folder, entry.name)
    if (entry.name.startsWith('@') && entry.isDirectory()) linkPackages(path, dir)
    else if (entry.isSymbolicLink()) symlinkSync(readlinkSync(join(from, entry.name)), join(to, entry.name))
    else if (entry.isFile()) cpSync(join(from, entry.name), join(to, entry.name))
    else symlinkSync(join(from, entry.name), join(to, entry.name))
  }
}
