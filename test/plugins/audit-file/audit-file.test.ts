// together: quick
import { execFileSync } from 'node:child_process'
import {
  appendFileSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { auditSinks } from '@mezite/core'
import { conformAuditSink, conformPlugin, createTestHost, memoryLog, testEvent } from '@mezite/core/testing'
import t from 'tap'
import type { AuditEvent } from '../../../core/api/audit.ts'
import auditFile from '../../../plugins/audit-file/hub.ts'
import { createSink } from '../../../plugins/audit-file/sink.ts'
import { batchesTo, linesOf } from '../../event-lines.ts'
import { auditOf } from '../../state/audit/open-audit.ts'
import { until } from '../../until.ts'

const MB = 1_000_000
const made = (name: string, more = '') =>
  testEvent({ type: 'x', success: true, fields: { name, more } }, { cluster: 'c', hub: 'h' })
const read = (path: string) =>
  readFileSync(path, 'utf8')
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line) as AuditEvent)
const names = (path: string) => read(path).map(({ name }) => name)

function folderOf(t: { teardown(run: () => void): void }): string {
  const folder = mkdtempSync(join(tmpdir(), 'mezite-audit-file-'))
  t.teardown(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

t.test('the plugin passes its suite', (t) => {
  conformPlugin(t, auditFile, { config: { path: join(tmpdir(), 'mezite-audit-file-conform', 'a.jsonl') } })
  t.teardown(() => rmSync(join(tmpdir(), 'mezite-audit-file-conform'), { recursive: true, force: true }))
  t.end()
})

for (const guarantee of ['enforced', 'best-effort'] as const) {
  t.test(`the sink passes its suite, ${guarantee}`, (t) => {
    conformAuditSink(t, async () => {
      const folder = await mkdtemp(join(tmpdir(), 'mezite-audit-file-'))
      const path = join(folder, 'audit.jsonl')
      const sink = createSink({ path, maxBytes: 100 * MB, keep: 1 }, guarantee)
      await sink.start()
      return {
        sink,
        read: async () => read(path),
        async close() {
          await sink.stop()
          await rm(folder, { recursive: true })
        },
      }
    })
    t.end()
  })
}

t.test('only the owner can read the file; a path that is not a file stops the start', async (t) => {
  const path = join(folderOf(t), 'new', 'audit.jsonl')
  const sink = createSink({ path, maxBytes: MB, keep: 1 }, 'enforced')
  await sink.start()
  t.equal(statSync(path).mode & 0o777, 0o600)
  t.equal(statSync(join(path, '..')).mode & 0o777, 0o700)
  await sink.stop()
  await t.rejects(createSink({ path: join(path, '..'), maxBytes: MB, keep: 1 }, 'enforced').start())
  await t.rejects(
    createSink({ path: '/dev/null', maxBytes: MB, keep: 1 }, 'enforced').start(),
    /not a regular file/,
  )
})

t.test('rotation by size keeps the configured number of files, and splits no line', async (t) => {
  const folder = folderOf(t)
  const path = join(folder, 'audit.jsonl')
  const sink = createSink({ path, maxBytes: 2_000, keep: 3 }, 'best-effort')
  const write = batchesTo(sink)
  for (let n = 0; n < 40; n++) await write([made(`n${n}`), made(`m${n}`)])
  await sink.stop()
  t.strictSame(readdirSync(folder).toSorted(), [
    'audit.jsonl',
    'audit.jsonl.1',
    'audit.jsonl.2',
    'audit.jsonl.3',
  ])
  const kept = ['.3', '.2', '.1', ''].flatMap((end) => names(path + end))
  t.strictSame(
    kept,
    Array.from({ length: 40 }, (_, n) => [`n${n}`, `m${n}`])
      .flat()
      .slice(-kept.length),
  )
  t.ok(statSync(`${path}.1`).size <= 2_000)
})

t.test('SIGHUP opens the path again, and no event is lost', async (t) => {
  const path = join(folderOf(t), 'audit.jsonl')
  const listeners = process.listenerCount('SIGHUP')
  const host = createTestHost(auditFile, { config: { path } })
  await host.start()
  const [sink] = host.slot(auditSinks)
  const write = batchesTo(sink!)
  await write([made('a')])
  renameSync(path, `${path}.rotated`)
  const during = write([made('b')])
  process.kill(process.pid, 'SIGHUP')
  await during
  await until(async () => {
    await write([made('c')])
    return statSync(path, { throwIfNoEntry: false }) !== undefined
  }, 'the new file')
  await host.stop()
  t.strictSame(names(`${path}.rotated`).slice(0, 2), ['a', 'b'])
  t.ok(names(path).every((name) => name === 'c'))
  t.equal(process.listenerCount('SIGHUP'), listeners)
})

t.test('a deleted or truncated file is noticed, and an incomplete line is completed', async (t) => {
  const path = join(folderOf(t), 'audit.jsonl')
  writeFileSync(path, '{"half":')
  const sink = createSink({ path, maxBytes: MB, keep: 1 }, 'enforced')
  const write = batchesTo(sink)
  await write([made('a')])
  t.match(readFileSync(path, 'utf8'), /^\{"half":\n\{"id"/)
  writeFileSync(path, '')
  await write([made('b')])
  t.strictSame(names(path), ['b'])
  rmSync(path)
  await write([made('c')])
  t.strictSame(names(path), ['c'])
  await sink.stop()
})

t.test('a batch that comes again after a missed deadline is written once', async (t) => {
  const path = join(folderOf(t), 'audit.jsonl')
  const sink = createSink({ path, maxBytes: MB, keep: 1 }, 'enforced')
  const batch = linesOf([made('a'), made('b')])
  await Promise.all([sink.write(batch, 1), sink.write(batch, 1), sink.write(linesOf([made('c')]), 2)])
  await sink.stop()
  t.strictSame(names(path), ['a', 'b', 'c'])
})

t.test(
  'M158 fault 28 a sink keeps its guarantee on a full disk and recovers',
  { skip: process.getuid?.() !== 0 && 'mounting a small file system needs root' },
  async (t) => {
    const folder = folderOf(t)
    try {
      execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=256k', 'tmpfs', folder], { stdio: 'pipe' })
    } catch (error) {
      return t.pass(`not tested: no small file system can be mounted here: ${String(error)}`)
    }
    t.teardown(() => execFileSync('umount', [folder]))
    const limits = { firstRetryMs: 20, longestRetryMs: 50, full: 300, lingerMs: 5 }
    for (const guarantee of ['enforced', 'best-effort'] as const) {
      const path = join(folder, `${guarantee}.jsonl`)
      const sink = createSink({ path, maxBytes: 100 * MB, keep: 1 }, guarantee)
      const { log, lines } = memoryLog()
      const audit = auditOf([sink], log, { limits })
      audit.open()
      const ballast = join(folder, 'ballast')
      let recorded = 0
      const record = (count: number) => {
        for (; count > 0; count--)
          audit.record({ type: 'x', success: true, fields: { name: `${recorded++}` } })
      }
      const failing = () => lines.some((line) => line.includes('ENOSPC'))
      record(10)
      await audit.flush()
      // The last page is filled too, so that a batch fits in part only.
      for (let size = 65_536; size >= 128; size /= 2) {
        for (;;) {
          try {
            appendFileSync(ballast, Buffer.alloc(size))
          } catch {
            break
          }
        }
      }
      record(100)
      await until(failing, 'the full disk')
      t.equal(audit.accepting, guarantee === 'best-effort', 'whether requests go on')
      t.notOk(readFileSync(path).at(-1) !== 0x0a, 'no half a line')
      if (guarantee === 'best-effort') record(400)
      rmSync(ballast)
      await until(() => audit.accepting && lines.some((line) => line.includes('works again')), 'healing')
      await audit.close()
      await sink.stop()
      const kept = names(path).map(Number)
      t.equal(new Set(kept).size, kept.length, 'none twice')
      t.strictSame(kept, guarantee === 'enforced' ? [...Array(110).keys()] : kept.toSorted((a, b) => a - b))
      if (guarantee === 'enforced') continue
      t.match(lines.join('\n'), new RegExp(`events were dropped.* dropped=${recorded - kept.length}\\b`))
      t.ok(kept.length < recorded, `${kept.length} of ${recorded}`)
    }
  },
)
