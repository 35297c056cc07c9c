// together: quick
import t from 'tap'
import { type Runtime, runtimeProblems } from '../../../core/base/loader/runtime-check.ts'

const at = (version: string, day = '2026-11-25', more: Partial<Runtime> = {}): string[] =>
  runtimeProblems({ version, now: Date.parse(day), debuggerUrl: undefined, ...more })

t.test('P182 a release line without fixes and a release with known holes are reported', (t) => {
  t.strictSame(at('24.22.3'), [])
  t.strictSame(at('24.100.0'), [])
  t.strictSame(at('26.10.0'), [])
  t.strictSame(at('31.0.0'), [], 'what is newer than this program')
  t.match(at('24.3.0'), [/24\.3\.0 has known security holes, which 24\.\d+\.\d+ closes/])
  t.match(at('24.9.9-nightly'), [/known security holes/])
  t.strictSame(at('24.22.3', '2028-04-30'), [], 'the last day')
  t.match(at('24.22.3', '2028-05-01'), [/no security fixes since 2028-04-30/])
  t.match(at('25.9.0'), [/no security fixes since 2026-06-01/])
  t.end()
})

t.test('O180 an open debugger is a problem, and its secret path is not repeated', (t) => {
  const [problem = ''] = at('24.22.3', '2026-11-25', { debuggerUrl: 'ws://127.0.0.1:9229/b6a0-secret' })
  t.match(problem, /debugger is open at ws:\/\/127\.0\.0\.1:9229:/)
  t.notMatch(problem, /b6a0/)
  t.end()
})
