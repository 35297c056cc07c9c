/** What an agent logs about a certificate that the hub does not renew. */
import t from 'tap'
import { createRenewal } from '../../agent/certificate-renewal.ts'
import { fakeClock } from '../../core/testing/fake-clock.ts'
import { memoryLog } from '../../core/testing/memory-log.ts'

t.test('a refused renewal is logged once, and again each hour', (t) => {
  const clock = fakeClock()
  const { log, lines } = memoryLog()
  const renewal = createRenewal({
    identity: { current: null } as never,
    send: () => null,
    onRenewed: () => {},
    clock,
    log,
  })
  t.teardown(() => renewal.stop())
  const refusals = () => lines.filter((line) => /refuses to renew/.test(line)).length
  const refuse = (times: number) => {
    for (let turn = 0; turn < times; turn++) {
      renewal.receive({ type: 'renew_refused', code: 'agent_locked' })
      clock.advance(60_000)
    }
  }
  refuse(60)
  t.equal(refusals(), 1, 'within an hour')
  refuse(1)
  t.equal(refusals(), 2, 'after an hour')
  refuse(59)
  t.equal(refusals(), 2)
  refuse(1)
  t.equal(refusals(), 3, 'after two')
  t.match(lines[0], /warn.*agent_locked/i)
  t.end()
})
