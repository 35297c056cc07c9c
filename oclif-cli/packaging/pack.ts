/** `npm run pack`: puts each published package, as npm packs it, into `dist/packages`. */
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { pack, packagesFolder, stageAll } from './staging.ts'

rmSync(packagesFolder, { recursive: true, force: true })
const folders = await stageAll(join(packagesFolder, 'staged'))
process.stdout.write(`${pack(folders, packagesFolder).join('\n')}\n`)
