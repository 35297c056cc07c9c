// together: quick
import t from 'tap'
import { formatDuration, parseDuration } from '../../core/api/duration.ts'

t.test('durations in the documentation are parsed to milliseconds', (t) => {
  t.equal(parseDuration('30s'), 30_000)
  t.equal(parseDuration('15m'), 900_000)
  t.equal(parseDuration('12h'), 43_200_000)
  t.equal(parseDuration('30d'), 2_592_000_000)
  t.equal(parseDuration('250ms'), 250)
  t.equal(parseDuration('0'), 0)
  t.equal(parseDuration('0s'), 0)
  t.end()
})

t.test('any other text is rejected as a duration', (t) => {
  for (const text of [
    '',
    '5',
    '-1s',
    '1.5h',
    '1h30m',
    ' 1s',
    '1s ',
    '1 s',
    '1S',
    '1w',
    '1s\n',
    '9999999999s',
    '999999999d',
  ]) {
    t.equal(parseDuration(text), null, JSON.stringify(text))
  }
  t.end()
})

t.test('a formatted duration reads back as itself', (t) => {
  for (const text of ['0', '1d', '90m', '25s', '250ms', '12h', '90d']) {
    t.equal(formatDuration(parseDuration(text)!), text)
  }
  t.end()
})
