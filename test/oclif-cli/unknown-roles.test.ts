import t from 'tap'
import { unknownRoles } from '../../oclif-cli/mezctl/unknown-roles.ts'

const hubWith = (answer: () => unknown) => ({ call: async () => answer() }) as never
const hub = hubWith(() => [{ metadata: { name: 'platform' } }])

t.test('roles that nothing describes are named, and what is hostile in them is escaped', async (t) => {
  t.equal(await unknownRoles(hub, ['platform', 'admin', 'access']), null)
  t.equal(await unknownRoles(hub, []), null)
  t.match(await unknownRoles(hub, ['platform', 'plattform', 'x']), /no role plattform, x,.*mezctl roles ls/)
  t.notMatch(await unknownRoles(hub, ['\u001b[2J']), /\u001b/)
})

t.test('a hub that cannot tell stops nobody', async (t) => {
  const silent = hubWith(() => {
    throw new Error('404')
  })
  t.equal(await unknownRoles(silent, ['x']), null)
})
