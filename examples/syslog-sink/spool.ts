import { mkdir, open, readdir, readFile, rename, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'

/** Batches on the disk, oldest first, each a file of its own. */
export interface Spool {
  /** Resolves once the batch is on the disk. The same batch again is stored once. Rejects while the spool is full. */
  add(lines: string, batch: number): Promise<void>
  /** The oldest batch; null if there is none. `done` removes it. */
  next(): Promise<{ readonly lines: readonly string[]; done(): Promise<void> } | null>
}

const BATCH_FILE = /^[0-9]{13}-[0-9]{12}\.jsonl$/

/** Opens the folder. Files of an earlier run come first: a name starts with the time of the start. */
export async function openSpool(folder: string, mostBytes: number): Promise<Spool> {
  await mkdir(folder, { recursive: true, mode: 0o700 })
  const names = (await readdir(folder)).filter((name) => BATCH_FILE.test(name)).sort()
  const sizes = await Promise.all(names.map(async (name) => (await stat(join(folder, name))).size))
  let bytes = sizes.reduce((sum, size) => sum + size, 0)
  const run = String(Date.now()).padStart(13, '0')
  let last = 0

  return {
    async add(lines, batch) {
      if (batch <= last || lines === '') return
      if (bytes + lines.length > mostBytes) throw new Error(`the spool ${folder} is full`)
      const name = `${run}-${String(batch).padStart(12, '0')}.jsonl`
      const file = join(folder, name)
      const handle = await open(`${file}.new`, 'w', 0o600)
      try {
        await handle.writeFile(lines)
        await handle.sync()
      } finally {
        await handle.close()
      }
      await rename(`${file}.new`, file)
      const directory = await open(folder, 'r')
      await directory.sync().finally(() => directory.close())
      last = batch
      bytes += lines.length
      names.push(name)
    },
    async next() {
      const [name] = names
      if (name === undefined) return null
      const text = await readFile(join(folder, name), 'utf8')
      return {
        lines: text.split('\n').filter((line) => line !== ''),
        async done() {
          await rm(join(folder, name))
          names.shift()
          bytes -= text.length
        },
      }
    },
  }
}
