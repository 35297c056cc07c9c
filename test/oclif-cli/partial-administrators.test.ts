// together: hubs
/** Every list of mezctl as each standard role: it shows rows, or names a right that the role lacks. */
import { createTestHub, FakeIssuer } from '@mezite/core/testing'
import t from 'tap'
import { COMMANDS } from '../../oclif-cli/mezctl/command-classes.ts'
import { STANDARD_ROLES } from '../../plugins/rbac/standard-roles.ts'
import { runLines } from './run-program.ts'

t.setTimeout(180_000)

const issuer = await FakeIssuer.start()
t.teardown(() => issuer.close())
const hub = await createTestHub({
  config: { plugins: { 'authorization-server': { enabled: true, registration: true } } },
})
t.teardown(() => hub.stop())
await hub.api('PUT', '/connectors/sso', {
  ...{ kind: 'oidc', version: 'v1', metadata: { name: 'sso' } },
  spec: issuer.spec,
})

/** Signs a new person with this role in, and returns the token of the session. */
async function signIn(role: string): Promise<string> {
  const name = `${role}@example.com`
  await hub.api('POST', '/users', { name, roles: [role] })
  issuer.person = { sub: name, email: name, email_verified: true }
  const visitor = hub.visitor()
  await visitor.open(`${hub.url}/`)
  const [, token] = /__Host-mezite_session=([\w-]+)/.exec(visitor.cookies(new URL(hub.url).host) ?? '') ?? []
  if (!token) throw new Error('nobody was signed in')
  return token
}

/** Whether the document of a role gives a right, for some things at least. */
function gives(role: string, right: string): boolean {
  if (role === 'admin') return true
  const dot = right.lastIndexOf('.')
  const has = (list: readonly string[], one: string) => list.includes('*') || list.includes(one)
  const rules = STANDARD_ROLES.find(({ metadata }) => metadata.name === role)?.spec.allow?.admin ?? []
  return rules.some(({ kinds, verbs }) => has(kinds, right.slice(0, dot)) && has(verbs, right.slice(dot + 1)))
}

const ROLES = ['admin', 'auditor', 'helpdesk', 'app-owner', 'security', 'access']
const lines = Object.keys(COMMANDS)
  .filter((id) => id.endsWith(':ls'))
  .map((id) => id.split(':'))
/** By command line, the rights that a refusal of it named. */
const needed = new Map<string, Set<string>>()
const allowed = new Map<string, Set<string>>()

for (const role of ROLES)
  t.test(`a list of mezctl has rows for ${role}, or names a right that the role lacks`, async (t) => {
    const finished = await runLines(lines, {
      MEZITE_AUTH_TOKEN: await signIn(role),
      MEZITE_PROXY: new URL(hub.url).host,
      MEZITE_CA_FILE: hub.caFile,
    })
    for (const [at, { code, out, err }] of finished.entries()) {
      const line = lines[at]!.join(' ')
      if (code === 0) {
        allowed.set(line, (allowed.get(line) ?? new Set()).add(role))
        t.equal(err, '', `${line}: nothing is missing`)
        continue
      }
      t.equal(code, 1, line)
      t.equal(out, '', line)
      const [, right = ''] = /^error: This requires the right ([a-z_-]+\.[a-z]+)/.exec(err) ?? []
      t.ok(right !== '' && !gives(role, right), `${line}: ${err}`)
      const [kind, verb] = right.split('.')
      t.match(err, `mezctl access explain --admin ${role}@example.com ${verb} ${kind}`)
      t.equal(/People who have it: admin@example\.com/.test(err), gives(role, 'access.read'), line)
      needed.set(line, (needed.get(line) ?? new Set()).add(right))
    }
  })

t.test('a role with the rights of a list is not refused it', async (t) => {
  for (const [line, rights] of needed)
    for (const role of ROLES)
      t.equal(
        allowed.get(line)?.has(role) ?? false,
        [...rights].every((right) => gives(role, right)),
        `${line} as ${role}: ${[...rights].join(', ')}`,
      )
  t.ok(needed.size > 10, `${needed.size} lists need a right`)
})
