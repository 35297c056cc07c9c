import { writeFileSync } from 'node:fs'
import { join } from 'node:path'

/** Writes a script for `--require`, after which Node.js says that it runs on this platform; returns its path. */
export function otherPlatform(platform: 'win32' | 'darwin', folder: string): string {
  const file = join(folder, `on-${platform}.cjs`)
  writeFileSync(
    file,
    `Object.defineProperty(process, 'platform', { value: '${platform}' })
${platform === 'win32' ? 'for (const name of ["getuid", "geteuid", "getgid", "getegid"]) delete process[name]' : ''}
require('node:module').syncBuiltinESMExports()
`,
  )
  return file
}
