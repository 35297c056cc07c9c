/** A program: installs the packages as people do, and prints the folder that has them. */
import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { build, keysOf } from './build.ts'
import { pack, stageAll } from './staging.ts'
import { publishedWorkspaces, root } from './workspaces.ts'

/**
 * Builds, packs and installs every package in a folder that knows nothing of the repository, with npm alone, and returns the path
 * of its `node_modules`. What was installed of the same sources is taken again. Dependencies come from npm's cache or the registry.
 */
export async function installPackages(): Promise<string> {
  await build()
  const hash = createHash('sha256')
    .update(root)
    .update(readFileSync(join(import.meta.dirname, 'staging.ts')))
  const own = hash.copy().digest('hex').slice(0, 12)
  for (const key of keysOf(publishedWorkspaces()).values()) hash.update(key)
  const parent = join(process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'mezite-packages', own)
  const folder = join(parent, hash.digest('hex').slice(0, 12))
  const modules = join(folder, 'node_modules')
  if (existsSync(modules)) return modules
  mkdirSync(parent, { recursive: true })
  const made = mkdtempSync(join(parent, 'new-'))
  try {
    const staged = await stageAll(join(made, 'staged'))
    const tarballs = pack(staged, made)
    writeFileSync(join(made, 'package.json'), '{"private":true}\n')
    const { NODE_OPTIONS: _, ...env } = process.env
    const flags = ['--prefer-offline', '--no-audit', '--no-fund', '--loglevel=error']
    execFileSync('npm', ['install', ...flags, ...tarballs], {
      cwd: made,
      env,
      stdio: ['ignore', 'ignore', 'inherit'],
    })
    rmSync(join(made, 'staged'), { recursive: true })
    // Those of earlier sources.
    for (const name of readdirSync(parent))
      if (!name.startsWith('new-')) rmSync(join(parent, name), { recursive: true, force: true })
    renameSync(made, folder)
  } catch (error) {
    rmSync(made, { recursive: true, force: true })
    throw error
  }
  return modules
}

if (import.meta.main) process.stdout.write(`${await installPackages()}\n`)
