// together: quick
import t from 'tap'
import {
  classify,
  learnRequestName,
  learnResponseName,
  requestNames,
  responseNames,
} from '../../../plugins/http-apps/request/header-names.ts'

// Other tests of this process may have filled them.
t.beforeEach(() => {
  requestNames.clear()
  responseNames.clear()
})

t.test('a name that is remembered is treated as one that is not, in each spelling', (t) => {
  for (const [name, fate] of [
    ['X-Mezite-User', 'drop'],
    ['x_mezite_user', 'refuse'],
    ['Remote-User', 'guarded'],
    ['COOKIE', 'cookie'],
    ['sec_fetch_site', 'drop'],
    ['Accept-Language', 'keep'],
  ] as const)
    for (const spelling of [name, name.toLowerCase(), name.toUpperCase()]) {
      const first = learnRequestName(spelling)
      t.strictSame({ ...first }, { lower: name.toLowerCase(), fate }, spelling)
      t.equal(requestNames.get(spelling)?.fate, classify(spelling.toLowerCase()))
    }
  for (const [name, fate] of [
    ['Connection', 'connection'],
    ['Strict-Transport-Security', 'drop'],
    ['Mezite-Jwt-Assertion', 'drop'],
    ['Content-Length', 'length'],
    ['Set-Cookie', 'changed'],
    ['ETag', 'keep'],
  ] as const)
    t.strictSame({ ...learnResponseName(name) }, { lower: name.toLowerCase(), fate })
  t.end()
})

t.test('a flood of names is not remembered, and takes no usual name away', (t) => {
  learnRequestName('Accept')
  for (let n = 0; n < 3_000; n++) {
    t.equal(learnRequestName(`X-Flood-${n}`).fate, 'keep')
    learnResponseName(`X-Flood-${n}`)
  }
  t.ok(requestNames.size <= 1_000 && responseNames.size <= 1_000)
  t.ok(requestNames.has('Accept'))
  t.equal(learnRequestName(`X-Mezite-${'a'.repeat(99)}`).fate, 'drop')
  requestNames.clear()
  responseNames.clear()
  t.end()
})

t.test('a text that is not a name is not remembered as the name that its copy would be', (t) => {
  // As latin1, its first letter is an S.
  t.equal(learnResponseName('\u0153et-Cookie').fate, 'keep')
  t.notOk(responseNames.has('Set-Cookie'))
  t.equal(learnResponseName('Set-Cookie').fate, 'changed')
  t.end()
})
