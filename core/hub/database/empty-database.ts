import { createReadStream, existsSync } from 'node:fs'
import { mkdir, readdir, readFile, rename, writeFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { buffer, text } from 'node:stream/consumers'
import { pipeline } from 'node:stream/promises'
import { promisify } from 'node:util'
import { constants, createZstdDecompress, zstdCompress } from 'node:zlib'

const require = createRequire(import.meta.url)
/** The three databases of a new cluster are nearly equal: a window of 16 MB sees more than one. */
const PARAMS = {
  [constants.ZSTD_c_compressionLevel]: 9,
  [constants.ZSTD_c_windowLog]: 24,
  [constants.ZSTD_c_enableLongDistanceMatching]: 1,
}
const HEADER_BYTES = 4

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
  for (const each of await readdir(source, { recursive: true, withFileTypes: true })) {
    const path = join(each.parentPath, each.name)
    const name = path.slice(source.length + 1)
    if (each.isDirectory()) entries.push([name])
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

/** Writes a packed database to a folder that exists. Holds little of it in memory at a time. */
export async function unpackEmptyDatabase(file: string, folder: string): Promise<void> {
  const unpacked = createZstdDecompress()
  const done = pipeline(createReadStream(file), unpacked)
  // The reader gets the same error.
  done.catch(() => {})
  const bytes = reader(unpacked)
  const length = (await buffer(bytes(HEADER_BYTES))).readUInt32BE()
  const list = await text(bytes(length))
  for (const [path, length] of JSON.parse(list) as readonly Entry[]) {
    if (length === undefined) await mkdir(join(folder, path), { recursive: true, mode: 0o700 })
    else await writeFile(join(folder, path), bytes(length), { mode: 0o600 })
  }
  await done
}

/** Reads so many bytes of a stream in pieces, one call behind the other. Throws if it ends before. */
function reader(stream: AsyncIterable<Buffer>): (length: number) => AsyncGenerator<Buffer> {
  const chunks = stream[Symbol.asyncIterator]()
  let rest: Buffer = Buffer.alloc(0)
  return async function* (length) {
    for (let left = length; left > 0; ) {
      if (rest.length === 0) {
        const { done, value } = await chunks.next()
        if (done) throw new Error('the empty database of the package is not complete')
        rest = value
      }
      const piece = rest.subarray(0, left)
      rest = rest.subarray(piece.length)
      left -= piece.length
      yield piece
    }
  }
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

function fileName(): string {
  const [modules = ''] = require.resolve('@electric-sql/pglite').split(/(?<=node_modules)[\\/]@electric-sql/)
  const { version } = require(join(modules, '@electric-sql/pglite/package.json')) as { version: string }
  return `empty-database-${version}.zst`
}
