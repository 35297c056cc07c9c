import { existsSync } from 'node:fs'
import { mkdir, readdir, readFile, rename, stat, writeFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { constants, zstdCompress, zstdDecompressSync } from 'node:zlib'

const require = createRequire(import.meta.url)
/** The three databases of a new cluster are nearly equal: a window of 16 MB sees more than one. */
const PARAMS = {
  [constants.ZSTD_c_compressionLevel]: 9,
  [constants.ZSTD_c_windowLog]: 24,
  [constants.ZSTD_c_enableLongDistanceMatching]: 1,
}
const HEADER_BYTES = 4
/** More than an empty database has; what is not used takes no memory. */
const MOST_BYTES = 128 << 20

/** A file by its path and length in bytes, or a folder without a length. */
type Entry = readonly [path: string, length?: number]

/**
 * An empty embedded database as one compressed file, made when the package of the hub is built, so that no hub runs initdb,
 * which takes seconds and 500 MB. Another version of PGlite may not be able to open it, so that its name has the version.
 * The identifier of its cluster and the nonce of its log-ins are the same in every installation: PGlite has neither replicas
 * nor log-ins. Secrets of a hub come later.
 */
export async function packEmptyDatabase(source: string, target: string): Promise<void> {
  const entries: Entry[] = []
  const contents: Buffer[] = []
  // In one order whatever the file system's is; a folder comes before what is in it.
  for (const name of (await readdir(source, { recursive: true })).sort()) {
    const path = join(source, name)
    if ((await stat(path)).isDirectory()) entries.push([name])
    else {
      const content = await readFile(path)
      contents.push(content)
      entries.push([name, content.length])
    }
  }
  const list = Buffer.from(JSON.stringify(entries))
  const header = Buffer.alloc(HEADER_BYTES)
  header.writeUInt32BE(list.length)
  const packed = await promisify(zstdCompress)(Buffer.concat([header, list, ...contents]), { params: PARAMS })
  await mkdir(target, { recursive: true })
  const file = join(target, fileName())
  await writeFile(`${file}.${process.pid}`, packed)
  await rename(`${file}.${process.pid}`, file)
}

/**
 * Writes a packed database to a folder that exists. It is unpacked as a whole: so large a piece of memory goes back to the
 * system, while thousands of small ones would leave an idle hub with 40 MB of gaps.
 */
export async function unpackEmptyDatabase(file: string, folder: string): Promise<void> {
  const bytes = zstdDecompressSync(await readFile(file), {
    chunkSize: MOST_BYTES,
    maxOutputLength: MOST_BYTES,
  })
  let at = HEADER_BYTES + bytes.readUInt32BE()
  const list = bytes.toString('utf8', HEADER_BYTES, at)
  for (const [path, length] of JSON.parse(list) as readonly Entry[]) {
    if (length === undefined) await mkdir(join(folder, path), { recursive: true, mode: 0o700 })
    else await writeFile(join(folder, path), bytes.subarray(at, at + length), { mode: 0o600 })
    at += length ?? 0
  }
  if (at !== bytes.length) throw new Error('the empty database of the package is not complete')
}

/** The packed database that the hub's package brings along for this version of PGlite; null: there is none. */
export function packedEmptyDatabase(): string | null {
  try {
    const file = join(dirname(require.resolve('@mezite/hub/package.json')), 'dist', fileName())
    return existsSync(file) ? file : null
  } catch {
    return null
  }
}

const fileName = (): string => `empty-database-${emptyDatabaseVersion()}.zst`

/** The folder of packages that has PGlite. */
export const modulesFolder = (): string =>
  require.resolve('@electric-sql/pglite').split(/(?<=node_modules)[\\/]@electric-sql/)[0]!

/** The version of PGlite that opens it. */
export const emptyDatabaseVersion = (): string =>
  (require(join(modulesFolder(), '@electric-sql/pglite/package.json')) as { version: string }).version
