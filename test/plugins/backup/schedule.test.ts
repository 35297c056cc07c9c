// together: quick
import { readdirSync, writeFileSync } from 'node:fs'
import t from 'tap'
import { createSchedule } from '../../../plugins/backup/schedule.ts'

t.test('a draft that a hub left when it ended is removed by the next backup', async (t) => {
  const folder = t.testdir({})
  const kept = ['mezite-2026-11-29T03-00-00-000Z.backup', 'mine.backup.partial', 'notes.txt']
  for (const name of [...kept, 'mezite-2026-11-30T03-00-00-000Z.backup.partial'])
    writeFileSync(`${folder}/${name}`, '')
  let run: () => Promise<unknown> = () => Promise.reject(new Error('no job was added'))
  createSchedule({ folder, everyMs: 60_000, keep: 1, recipients: [] }, {
    jobs: {
      add(job: { run: typeof run }) {
        run = job.run
      },
    },
    metrics: { gauge() {} },
    source: () => Promise.reject(new Error('the database is away')),
    clock: { now: Date.now },
  } as never)
  await t.rejects(run(), /the database is away/)
  t.strictSame(readdirSync(folder).sort(), kept.sort())
})
