// together: quick
import t from 'tap'
import { Deadlines, type Waiting } from '../../../plugins/http-apps/deadlines.ts'
import { until } from '../../until.ts'

const clock = { now: () => Date.now(), monotonic: () => performance.now() }

t.test('an expired deadline fires once, whatever others start and end meanwhile', async (t) => {
  const deadlines = new Deadlines(clock)
  deadlines.start()
  t.teardown(() => deadlines.stop())
  const told: string[] = []
  const waits = (name: string, deadline: number, onlate = () => {}): Waiting => {
    const waiting: Waiting = {
      deadline,
      index: -1,
      onlate() {
        told.push(name)
        deadlines.remove(waiting)
        onlate()
      },
    }
    deadlines.add(waiting)
    return waiting
  }
  const never = Number.POSITIVE_INFINITY
  const [first, patient] = [waits('gone first', 0), waits('patient', never)]
  const neighbour = waits('neighbour', never)
  waits('late', 0, () => {
    // Whoever is told may end others, and begin new ones.
    deadlines.remove(neighbour)
    waits('next', 0)
  })
  const last = waits('gone last', 0)
  deadlines.remove(first)
  deadlines.remove(first)
  deadlines.remove(last)
  deadlines.add(patient)
  await until(() => told.includes('next'), 'the next one')
  t.same(told, ['late', 'next'], 'those who left hear nothing')
  neighbour.deadline = 0
  patient.deadline = 0
  await until(() => told.includes('patient'), 'the patient one')
  t.same(told, ['late', 'next', 'patient'], 'it was still there, and once')
})
