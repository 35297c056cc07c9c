// together: plugin-hubs
/** The preview of a role is about everybody, however many there are. */
import { catalog, defineHubPlugin, grants } from '@mezite/core'
import t from 'tap'
import { createTestHub } from '../../../core/testing/test-hub.ts'
import { operator } from '../../../core/web/server/admin-socket.ts'
import { largeData } from '../../large-data.ts'
import { large } from '../../large-rows.ts'

type Labels = Readonly<Record<string, string | readonly string[]>>
interface Role {
  readonly metadata: { readonly name: string }
  readonly spec: {
    readonly allow?: { readonly app_labels?: Labels }
    readonly deny?: { readonly app_labels?: Labels }
  }
}
interface App {
  readonly metadata: { readonly name: string; readonly labels: Readonly<Record<string, string>> }
}
interface User {
  readonly name: string
  readonly roles: readonly string[]
  /** In this data, of the role `access` for one app each. */
  readonly grants: readonly { readonly apps: readonly string[] }[]
}
interface Preview {
  readonly users: number
  readonly groups: readonly {
    readonly users: readonly string[]
    readonly gains: readonly string[]
    readonly loses: readonly string[]
  }[]
}

/** More pairs than the 500,000 after which a preview used to stop, and to say that nobody loses anything. */
const data = largeData({ people: 1_400, apps: 400, grants: 3, bots: 2, locks: 3 })
let idOf: (app: string) => string
let grantFor: (user: string, role: string, app: string) => Promise<unknown>
const lender = defineHubPlugin({
  name: 'lender',
  api: 1,
  summary: 'Gives a role for a time',
  needs: { catalog, grants },
  setup({ use }) {
    idOf = (app) => use.catalog.byName(app)?.id ?? ''
    grantFor = (user, role, app) =>
      use.grants.start(
        { user, role, apps: [idOf(app)], until: Date.now() + 60_000 },
        { subject: operator, clientIp: '', id: 'test' },
      )
  },
})
const hub = await createTestHub({ plugins: [data.plugin, lender] })
t.teardown(() => hub.stop())
await data.filled

const matches = (labels: Labels | undefined, given: Readonly<Record<string, string>>): boolean => {
  const wanted = Object.entries(labels ?? {})
  return (
    wanted.length > 0 &&
    wanted.every(([key, value]) => key === '*' || [value].flat().includes(given[key] ?? ''))
  )
}
const opens = (roles: readonly Role[], { metadata }: App) =>
  roles.some(({ spec }) => matches(spec.allow?.app_labels, metadata.labels)) &&
  !roles.some(({ spec }) => matches(spec.deny?.app_labels, metadata.labels))

/** Role and its labels; the last ones are those that it has. */
const CASES: readonly (readonly [role: number, allow: Labels])[] = [
  [0, { kind: 'nothing' }],
  [0, { '*': '*' }],
  [13, { team: 'web' }],
  [13, { team: 'data' }],
]

t.test(
  'a preview names everybody who gains or loses, beyond 500,000 pairs, as deciding about each pair does',
  async (t) => {
    const roles = await hub.api<Role[]>('GET', '/roles')
    const apps = await hub.api<App[]>('GET', '/apps')
    const users = await hub.api<User[]>('GET', '/users')
    t.ok(users.length * apps.length > 500_000)
    for (const [at, allow] of CASES) {
      const name = large.role(at)
      const saved = {
        kind: 'role',
        version: 'v1',
        metadata: { name },
        spec: { allow: { app_labels: allow } },
      }
      const after = roles.map((role) => (role.metadata.name === name ? saved : role))
      const expected = new Map<string, string>()
      const decided = new Map<string, string[]>()
      for (const user of users) {
        if (!user.roles.includes(name)) continue
        const own = (all: readonly Role[]) => all.filter(({ metadata }) => user.roles.includes(metadata.name))
        const granted = user.grants.flatMap(({ apps }) => apps)
        const key = [...user.roles, ...granted].join(' ')
        const changed =
          decided.get(key) ??
          apps.flatMap((app) => {
            const [old, next] = [opens(own(roles), app), opens(own(after), app)]
            return granted.includes(idOf(app.metadata.name)) || old === next
              ? []
              : [`${next ? '+' : '-'}${app.metadata.name}`]
          })
        decided.set(key, changed)
        if (changed.length > 0) expected.set(user.name, changed.sort().join(' '))
      }
      const preview = await hub.api<Preview>('POST', '/roles/preview', saved)
      const found = preview.groups.flatMap(({ users, gains, loses }) => {
        const changed = [...gains.map((app) => `+${app}`), ...loses.map((app) => `-${app}`)].sort().join(' ')
        return users.map((user) => [user, changed] as const)
      })
      const people = found.filter(([user]) => !user.startsWith('bot:'))
      t.strictSame(new Map(people), expected, `${name} ${JSON.stringify(allow)}`)
      t.equal(people.length, expected.size, 'everybody is in one group')
      t.equal(expected.size > 0, allow.team !== 'data', `${expected.size} people`)
      if (at === 0) t.equal(preview.users, 1_402, 'programs with the role count')
    }
  },
)

const NO_REQUESTS = { requests: 0, users: 0, complete: true, refused: 0, examples: [] }

t.test('the preview counts those who have the role for a time, where they have it', async (t) => {
  const role = 'for-a-time'
  await hub.api('POST', '/users', { name: 'new@example.com', roles: [] })
  await grantFor('new@example.com', role, large.app(5))
  const saved = (labels: Labels) => ({
    kind: 'role',
    version: 'v1',
    metadata: { name: role },
    spec: { allow: { app_labels: labels } },
  })
  t.strictSame(await hub.api('POST', '/roles/preview', saved({ '*': '*' })), {
    opens: 400,
    apps: 400,
    users: 1,
    groups: [{ users: ['new@example.com'], gains: [large.app(5)], loses: [] }],
    requests: NO_REQUESTS,
  })
  t.strictSame(await hub.api('POST', '/roles/preview', saved({ team: 'nobody' })), {
    opens: 0,
    apps: 400,
    users: 1,
    groups: [],
    requests: NO_REQUESTS,
  })
})
