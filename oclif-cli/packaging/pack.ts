/** `npm run pack`: puts each published package, as npm packs it, into `dist/packages`, with the lock files for the images. */
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { writeImageFolders } from './locks.ts'
import { pack, packagesFolder, stageAll } from './staging.ts'

rmSync(packagesFolder, { recursive: true, force: true })
const folders = await stageAll(join(packagesFolder, 'staged'))
const tarballs = pack(folders, packagesFolder)
writeImageFolders(folders, tarballs, packagesFolder)
process.stdout.write(`${tarballs.join('\n')}\n`)
