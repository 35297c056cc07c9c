import { mkdirSync, readdirSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { stageAll } from './staging.ts'
import { publishedWorkspaces, root } from './workspaces.ts'

/**
 * Puts every package, as it is published, into `node_modules` of a folder that knows nothing of the repository. Packages of
 * others are those of the repository. Returns the path of `node_modules`.
 */
export async function writeLocalPackages(folder: string): Promise<string> {
  const modules = join(folder, 'node_modules')
  mkdirSync(modules, { recursive: true })
  const own = publishedWorkspaces().map(({ manifest }) => manifest.name.split('/')[0])
  for (const name of readdirSync(join(root, 'node_modules')))
    if (!name.startsWith('.') && !own.includes(name))
      symlinkSync(join(root, 'node_modules', name), join(modules, name))
  await stageAll(modules)
  return modules
}
