/** Every reading of a path that a server may have is one that rules decide about. */
import t from 'tap'
import { readAccessRequest } from '../../../core/gate/access/access-request.ts'
import { readingsOf } from '../../../core/gate/access/path-readings.ts'
import { honestPaths } from './honest-paths.ts'
import { bypasses } from './path-bypasses.ts'
import { SERVERS } from './path-servers.ts'

const pathOf = (target: string) => target.split('?', 1)[0] as string
const startsWith = (segments: readonly string[], prefix: readonly string[]) =>
  prefix.every((part, at) => segments[at] === part)
const has = (readings: readonly (readonly string[])[], segments: readonly string[]) =>
  readings.some((one) => one.length === segments.length && startsWith(one, segments))

t.test('a denied path is caught in every known disguise', (t) => {
  t.ok(bypasses.length >= 300, `${bypasses.length} bypasses`)
  let reached = 0
  for (const { path, denied } of bypasses) {
    const readings = readingsOf(pathOf(path))
    const isCaught = readings === null || readings.some((one) => startsWith(one, denied))
    if (!isCaught) t.fail(`${path}: ${JSON.stringify(readings)}`)
    if (SERVERS.some(({ read }) => startsWith(read(pathOf(path)) ?? [], denied))) reached += 1
  }
  t.ok(reached > bypasses.length * 0.7, `${reached} reach their target on one of the servers`)
  t.end()
})

t.test('a path is ambiguous, or has every reading that a server has', (t) => {
  const fuzzed = randomPaths(4_000)
  for (const path of [...bypasses, ...honestPaths.map((one) => ({ path: one }))]
    .map((one) => pathOf(one.path))
    .concat(fuzzed)) {
    const readings = readingsOf(path)
    if (readings === null) continue
    for (const { name, read } of SERVERS) {
      const segments = read(path)
      if (segments !== null && !has(readings, segments))
        t.fail(
          `${path}: ${name} reads ${JSON.stringify(segments)}, and ${JSON.stringify(readings)} has it not`,
        )
    }
  }
  t.ok(fuzzed.filter((path) => readingsOf(path) !== null).length > 1_000, 'most of them close')
  t.end()
})

t.test('honest paths of applications have readings', (t) => {
  t.ok(honestPaths.length >= 100, `${honestPaths.length} paths`)
  const ambiguous = honestPaths.filter((path) => readingsOf(pathOf(path)) === null)
  t.strictSame(ambiguous, [])
  t.strictSame(readingsOf('/api/v4/projects/group%2Fproject'), [
    ['api', 'v4', 'projects', 'group/project'],
    ['api', 'v4', 'projects', 'group', 'project'],
  ])
  t.end()
})

t.test('the list does not close for a third encoding, other bytes, a NUL and too many readings', (t) => {
  for (const path of [
    ...['/%25252e', '/a%252525', '/%ff', '/%c0%af', '/%', '/%zz', '/a%00', '/a%2500', '/a#b', 'a', ''],
    '/a;x/%2f/..%5c..;/%2e%2e//b',
  ])
    t.equal(readingsOf(path), null, path)
  t.end()
})

t.test('readings are frozen, made once, and take little time', (t) => {
  const request = readAccessRequest({ method: 'GET', target: '/a%2Fb?c=/d', upgrade: true })
  t.match(request, { path: '/a%2Fb', query: 'c=/d', webSocket: true, segments: null })
  t.equal(request.readings, request.readings)
  t.ok(Object.isFrozen(request.readings) && request.readings?.every((one) => Object.isFrozen(one)))
  const hostile = [
    `/${'a%2f'.repeat(2_000)}`,
    `/${'../'.repeat(2_700)}`,
    `/${';a/'.repeat(2_700)}`,
    `/${'%2e%2e%2f'.repeat(900)}`,
    `/${'\\..;//'.repeat(1_100)}%2f`,
    `/${'%255c..%253b'.repeat(600)}`,
  ]
  for (const path of hostile) {
    const { user, system } = process.cpuUsage()
    readingsOf(path)
    const spent = process.cpuUsage()
    const ms = (spent.user + spent.system - user - system) / 1_000
    t.ok(ms < 100, `${path.slice(0, 12)}… of ${path.length}: ${ms.toFixed(1)} ms`)
  }
  t.end()
})

/** Paths of pieces that servers treat in different ways, the same in each run. */
function randomPaths(count: number): string[] {
  const pieces = [
    '/',
    '/',
    '/',
    'a',
    'b',
    '.',
    '..',
    ';',
    ';x',
    '%2f',
    '%2e',
    '%5c',
    '\\',
    '%3b',
    '%25',
    '%252f',
    '//',
  ]
  let seed = 40
  const next = (below: number) => {
    seed = (seed * 1_103_515_245 + 12_345) % 2_147_483_648
    return Math.floor((seed / 2_147_483_648) * below)
  }
  return Array.from({ length: count }, () => {
    const length = 1 + next(6)
    return `/${Array.from({ length }, () => pieces[next(pieces.length)]).join('')}`
  })
}
