import { execFileSync } from 'node:child_process'
import { cpSync, existsSync, mkdirSync, readdirSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { build } from './build.ts'
import { stageAll } from './staging.ts'
import { root } from './workspaces.ts'

/**
 * Builds every package from the current sources into `node_modules` of a folder that knows nothing of the repository, as it
 * is published but without checks, types and maps, which takes some seconds instead of minutes. Packages of others are those
 * of the repository. Returns the path of `node_modules`.
 */
export async function writeLocalPackages(folder: string): Promise<string> {
  const modules = join(folder, 'node_modules')
  mkdirSync(modules, { recursive: true })
  for (const name of readdirSync(join(root, 'node_modules')))
    if (!/^(\.|@mezite$)/.test(name)) symlinkSync(join(root, 'node_modules', name), join(modules, name))
  await build({ modulesOnly: true, outputOf: ({ manifest }) => join(modules, manifest.name, 'dist') })
  const run = (...args: readonly string[]) => execFileSync(process.execPath, args)
  const web = join(root, 'plugins/dashboard/dist/web')
  // `npm test` has built it.
  if (!existsSync(web)) run(join(root, 'plugins/dashboard/build.ts'))
  cpSync(web, join(modules, '@mezite/plugin-dashboard/dist/web'), { recursive: true })
  const docs = join(modules, '@mezite/plugin-docs/dist')
  run('--conditions=mezite-source', join(root, 'plugins/docs/build.ts'), docs)
  run(join(root, 'core/mezhub/build.ts'), join(modules, '@mezite/hub/dist'))
  stageAll(modules)
  return modules
}
