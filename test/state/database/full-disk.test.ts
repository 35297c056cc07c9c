// long
/** A hub whose data directory, embedded database and all, is on a disk that fills up. */
import { spawnSync } from 'node:child_process'
import { appendFileSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { seedDatabase } from '../../../core/program/dev/database-seed.ts'
import { ApiError, createTestHub } from '../../../core/testing/index.ts'
import { until } from '../../until.ts'

const small = mkdtempSync(join(tmpdir(), 'mezite-small-'))
const mounted = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=96m', 'tmpfs', small]).status === 0
t.teardown(() => {
  if (mounted) spawnSync('umount', ['-l', small])
  rmSync(small, { recursive: true, force: true })
})

/** Takes what room there is, to the last page. */
function fill(file: string): void {
  for (let size = 1 << 20; size >= 512; size /= 2) {
    for (;;) {
      try {
        appendFileSync(file, Buffer.alloc(size))
      } catch {
        break
      }
    }
  }
}

t.test(
  'M158, faults 9 and 28: the embedded database survives a full disk and recovers',
  { skip: !mounted && 'only root may mount a small file system' },
  async (t) => {
    await seedDatabase(join(small, 'data'))
    const hub = await createTestHub({
      config: { data_dir: join(small, 'data'), database: { driver: 'embedded' } },
    })
    t.teardown(() => hub.stop())
    /** How often the reading of the trail was recorded, by the trail itself. */
    const recorded = async () => (await hub.api<unknown[]>('GET', '/audit?type=audit.read&limit=1000')).length
    /** What the gate of every request asks; see `mezite_audit_accepting`. */
    const accepting = async () => {
      const answer = await fetch(`http://127.0.0.1:${hub.ports.diagnostics}/metrics`)
      return /^mezite_audit_accepting (\d)$/m.exec(await answer.text())?.[1]
    }
    const lock = () =>
      hub.api('POST', '/locks', { target: { user: 'eve' } }).then(
        () => 'done',
        (error: unknown) => (error instanceof ApiError ? `${error.status} ${error.code}` : String(error)),
      )
    t.equal(await accepting(), '1')
    t.equal(await lock(), 'done')

    const ballast = join(small, 'ballast')
    fill(ballast)
    let reads = 0
    await until(async () => {
      await Promise.all(Array.from({ length: 20 }, recorded))
      reads += 20
      return (await accepting()) === '0'
    }, 'nobody is let in who could not be recorded')
    t.ok(
      hub.log.some((line) => line.includes('an audit sink fails') && line.includes('No space left')),
      'the operator is told',
    )
    t.equal(await lock(), '503 database_full', 'no change is made without its record')
    t.equal((await hub.api<unknown[]>('GET', '/locks')).length, 1, 'what is there can be read')

    rmSync(ballast)
    await until(async () => (await accepting()) === '1', 'it heals without a restart')
    t.equal(await lock(), 'done')
    await until(async () => (await recorded()) >= Math.min(reads, 1_000), 'nothing was lost')
  },
)
