// together: quick
import t from 'tap'
import { randomUuid } from '../../core/kernel/random-uuid.ts'

t.test('ids are UUIDs of version 4, and none comes twice', (t) => {
  const ids = Array.from({ length: 10_000 }, randomUuid)
  t.equal(new Set(ids).size, ids.length)
  for (const id of ids)
    if (!/^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/.test(id)) t.fail(id)
  // A digit that is random has each of its sixteen values among so many.
  for (let at = 0; at < 36; at++) {
    const found = new Set(ids.map((id) => id[at]))
    const wanted = [8, 13, 18, 23, 14].includes(at) ? 1 : at === 19 ? 4 : 16
    if (found.size !== wanted) t.fail(`${found.size} values at ${at}`)
  }
  t.pass('all of them')
  t.end()
})
