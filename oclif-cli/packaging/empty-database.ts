/**
 * `npm run build -w @mezite/hub`: writes an empty database to its `dist`, or the given folder, with which hubs start the first time.
 * It is the same whenever it is made, so that two builds of one commit are equal: its clock starts at a fixed time, and the nonce
 * of its log-ins, which PGlite does not have, is not random. Secrets of a hub come later.
 */
import { existsSync } from 'node:fs'
import { mkdir, rename, rm } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { emptyDatabaseVersion, packEmptyDatabase } from '../../core/state/database/empty-database.ts'
import { root } from './workspaces.ts'

const START = Date.parse('2026-01-01T00:00:00Z')

async function reproducibleDatabase(): Promise<string> {
  const folder = join(root, 'node_modules/.cache/mezite')
  const made = join(folder, `reproducible-${emptyDatabaseVersion()}`)
  if (existsSync(made)) return made
  const draft = `${made}.${process.pid}`
  await mkdir(folder, { recursive: true })
  let ticks = 0
  Date.now = () => START + ticks++
  performance.now = () => ticks++
  // PGlite reads random bytes through the module that `require` returns.
  const crypto: { randomFillSync: unknown } = createRequire(import.meta.url)('node:crypto')
  crypto.randomFillSync = (bytes: Uint8Array) => bytes.fill(0)
  const { PGlite } = await import('@electric-sql/pglite')
  await (await PGlite.create(draft)).close()
  await rename(draft, made).catch(() => rm(draft, { recursive: true, force: true }))
  return made
}

await packEmptyDatabase(await reproducibleDatabase(), process.argv[2] ?? join(root, 'core/mezhub/dist'))
