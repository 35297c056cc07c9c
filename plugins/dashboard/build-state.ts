import { readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'

/** When the file last changed, in milliseconds since 1970; 0 if it does not exist. */
export const modified = (path: string): number => statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0

/** Whether `dist/web` in the plugin's folder is newer than `build.ts`, everything in `web`, and what pages load of the core. */
export function isCurrent(folder: string): boolean {
  const built = modified(join(folder, 'dist/web/.vite/manifest.json'))
  const web = join(folder, 'web')
  const sources = readdirSync(web, { recursive: true, encoding: 'utf8' }).map((name) => join(web, name))
  const ofCore = ['web/pages/drawings.ts', 'api/search.ts'].map((path) => join(folder, '../../core', path))
  return [join(folder, 'build.ts'), ...ofCore, ...sources].every((path) => modified(path) < built)
}
