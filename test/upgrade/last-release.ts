import { execFileSync } from 'node:child_process'
import { join } from 'node:path'

/** The commit that upgrades are measured against until there is a release. */
export const BASELINE = '6f1e546'

/** The newest release before this commit, by its tag `v1.2.3`; `BASELINE` if there is none. `folder` is the work tree. */
export function lastRelease(folder: string = join(import.meta.dirname, '../..')): string {
  const tags = execFileSync('git', ['-C', folder, 'tag', '--merged', 'HEAD^', '--sort=-version:refname'], {
    encoding: 'utf8',
  })
  return tags.split('\n').find((tag) => /^v\d+\.\d+\.\d+$/.test(tag)) ?? BASELINE
}
