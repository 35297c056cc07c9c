/** Rules of roles about requests: which are allowed, denied, or need a fresh passkey. */
import { conformPlugin, conformPolicy, createTestHost, testQuery } from '@mezite/core/testing'
import t from 'tap'
import { compilePathPattern, pathPatternFault, withoutEndSlash } from '../../../core/api/path-pattern.ts'
import { roleRules } from '../../../core/api/role-rules.ts'
import appRules from '../../../plugins/app-rules/hub.ts'
import { readRole } from '../../../plugins/rbac/role-resource.ts'
import { readRoles } from '../../../plugins/rbac/role-rules.ts'
import { compileRole, voteByRoles } from '../../../plugins/rbac/role-set.ts'
import { honestPaths } from '../../gate/access/honest-paths.ts'
import { bypasses } from '../../gate/access/path-bypasses.ts'

const stands = { catalog: { list: () => [] }, revisions: { revision: 1 } }
conformPlugin(t, appRules, { use: stands })
conformPolicy(t, appRules, { use: stands })

type Spec = Readonly<Record<string, unknown>>
const everywhere = { app_labels: { '*': '*' } }

/** The plugin with these roles. */
function open(specs: Readonly<Record<string, Spec>>) {
  const count = { at: 1 }
  const revisions = {
    get revision() {
      return count.at
    },
  }
  const host = createTestHost(appRules, { use: { ...stands, revisions } })
  const rules = host.slot(roleRules)
  const roles = { items: new Map(), unreadable: new Set() } as never as Parameters<typeof readRoles>[0]
  const put = (name: string, spec: Spec) => {
    const document = readRole({ kind: 'role', version: 'v1', metadata: { name }, spec }, { rules })
    ;(roles.items as Map<string, unknown>).set(name, compileRole(document))
    count.at += 1
  }
  for (const [name, spec] of Object.entries(specs)) put(name, spec)
  for (const rule of rules) rule.attach(readRoles(roles))
  const ask = (
    names: readonly string[],
    method: string,
    target: string,
    upgrade = false,
    clientIp: string | null = '203.0.113.7',
  ) => {
    const context = { clientIp }
    const query = testQuery({ subject: { roles: names }, request: { method, target, upgrade }, context })
    const votes: string[] = []
    const named: string[] = []
    const lines: { effect: string; matcher: string | null; value: string | null }[] = []
    const vote = {
      allow: () => {},
      rule: (name: string) => void named.push(name),
      byRequest: (kindOf: (of: unknown) => unknown, cast: (kind: unknown) => void) =>
        cast(kindOf(query.request)),
      deny: (reason: string, details: { status?: number } = {}) =>
        void votes.push([reason, details.status].filter(Boolean).join(' ')),
      require: (one: { name: string }) => void votes.push(`${one.name} ${Object(one).maxAgeMs}`),
      explain: (line: (typeof lines)[number]) => void lines.push(line),
    }
    voteByRoles(roles, query, vote as never)
    host.calls.access.decide(query, () => vote as never)
    return { verdict: votes.join(', ') || 'allowed', rule: named.at(-1) ?? null, lines }
  }
  return { ask, put }
}
const verdictsOf = (
  { ask }: Pick<ReturnType<typeof open>, 'ask'>,
  table: readonly (readonly [roles: readonly string[], request: string, verdict: string])[],
) => {
  for (const [roles, request, verdict] of table) {
    const [method = '', target = ''] = request.split(' ')
    const isSocket = method === 'websocket'
    t.equal(ask(roles, isSocket ? 'GET' : method, target, isSocket).verdict, verdict, `${roles}: ${request}`)
  }
}

t.test(
  'a role allows what its rules say, a role without rules the whole app, and a denial wins',
  async () => {
    const rules = open({
      reader: { allow: { ...everywhere, app_rules: [{ methods: ['GET', 'HEAD'], paths: ['/**'] }] } },
      editor: { allow: { ...everywhere, app_rules: [{ methods: ['*'], paths: ['/api/pages/**'] }] } },
      whole: { allow: everywhere },
      talker: {
        allow: {
          ...everywhere,
          app_rules: [{ methods: ['GET'], upgrade: 'websocket', paths: ['/live/**'] }],
        },
      },
      quiet: { deny: { app_rules: [{ methods: ['*'], upgrade: 'websocket', paths: ['/**'] }] } },
      careful: { deny: { app_rules: [{ methods: ['DELETE', 'GET'], paths: ['/api/*/secret'] }] } },
      elsewhere: { deny: { app_rules: [{ app_labels: { env: 'dev' }, methods: ['*'], paths: ['/**'] }] } },
      nothing: { allow: { app_labels: { env: 'dev' }, app_rules: [{ methods: ['*'], paths: ['/**'] }] } },
    })
    verdictsOf(rules, [
      [['reader'], 'GET /', 'allowed'],
      [['reader'], 'HEAD /a/b?c', 'allowed'],
      [['reader'], 'DELETE /a', 'request_not_allowed'],
      [['reader'], 'PROPFIND /a', 'request_not_allowed'],
      [['reader'], 'websocket /a', 'request_not_allowed'],
      [['editor'], 'websocket /api/pages/1', 'allowed'],
      [['talker'], 'websocket /live/1', 'allowed'],
      [['talker'], 'GET /live/1', 'request_not_allowed'],
      [['talker'], 'websocket /api', 'request_not_allowed'],
      [['whole', 'quiet'], 'websocket /live/1', 'request_not_allowed'],
      [['whole', 'quiet'], 'GET /live/1', 'allowed'],
      [['editor'], 'POST /api/pages', 'allowed'],
      [['editor'], 'GET /api', 'request_not_allowed'],
      [['reader', 'editor'], 'GET /api', 'allowed'],
      [['reader', 'editor'], 'PUT /api/pages/1', 'allowed'],
      [['reader', 'editor'], 'PUT /api/users/1', 'request_not_allowed'],
      [['reader', 'whole'], 'DELETE /a', 'allowed'],
      [['whole', 'careful'], 'DELETE /api/a/secret', 'request_not_allowed'],
      [['whole', 'careful'], 'DELETE /api/a/b/secret', 'allowed'],
      [['whole', 'careful'], 'websocket /api/a/secret', 'request_not_allowed'],
      [['whole', 'elsewhere'], 'GET /', 'allowed'],
      [['nothing', 'whole'], 'GET /', 'allowed'],
      // Whom no role lets in, rbac denies.
      [['nothing'], 'GET /', 'allowed'],
      [['access', 'reader'], 'DELETE /', 'allowed'],
    ])
  },
)

t.test(
  'every reading must be allowed, a denial in one denies, and an open list is a bad request',
  async (t) => {
    const rules = open({
      all: {
        allow: { ...everywhere, app_rules: [{ methods: ['GET'], paths: ['/**'] }] },
        deny: {
          app_rules: ['/admin/**', '/api/admin/**', '/actuator/env/**', '/internal/**'].map((path) => ({
            methods: ['*'],
            paths: [path],
          })),
        },
      },
      narrow: { allow: { ...everywhere, app_rules: [{ methods: ['GET'], paths: ['/public/**'] }] } },
    })
    for (const { path } of bypasses) {
      const { verdict } = rules.ask(['all'], 'GET', path)
      t.ok(/^(request_not_allowed|path_ambiguous 400)$/.test(verdict), `${path}: ${verdict}`)
    }
    for (const path of honestPaths)
      t.match(rules.ask(['all'], 'GET', path).verdict, /^(allowed|request_not_allowed)$/, path)
    const admitted = honestPaths.filter((path) => rules.ask(['all'], 'GET', path).verdict === 'allowed')
    t.ok(
      admitted.length >= honestPaths.length - 1,
      `${admitted.length} of ${honestPaths.length} honest paths pass`,
    )
    t.equal(rules.ask(['narrow'], 'GET', '/public/a%2Fb').verdict, 'allowed')
    for (const path of [
      '/public/../x',
      '/public/..%2fx',
      '/public/%2e%2e/x',
      '/public/..;/x',
      '/public\\..\\x',
    ])
      t.equal(rules.ask(['narrow'], 'GET', path).verdict, 'request_not_allowed', path)
    t.equal(rules.ask(['narrow'], 'GET', '/public/%25252e').verdict, 'path_ambiguous 400')
  },
)

t.test('a role allows from its networks only, and elsewhere another role may', async (t) => {
  const { ask } = open({
    office: { allow: { ...everywhere, client_networks: { networks: ['10.0.0.0/8', '2001:db8::/32'] } } },
    lab: {
      allow: {
        ...everywhere,
        client_networks: { networks: ['10.1.0.0/16', '192.0.2.7'] },
        app_rules: [{ name: 'write', methods: ['GET', 'POST'], paths: ['/**'] }],
      },
    },
    reader: { allow: { ...everywhere, app_rules: [{ name: 'read', methods: ['GET'], paths: ['/**'] }] } },
    elsewhere: { allow: { app_labels: { env: 'dev' }, client_networks: { networks: ['192.0.2.7'] } } },
  })
  for (const [roles, address, request, verdict, rule] of [
    [['office'], '10.2.3.4', 'DELETE /a', 'allowed', null],
    [['office'], '2001:db8::7', 'DELETE /a', 'allowed', null],
    [['office'], '203.0.113.7', 'GET /a', 'address_not_allowed', 'office/client_networks'],
    [['office'], null, 'GET /a', 'allowed', null],
    [['office', 'reader'], '10.2.3.4', 'DELETE /a', 'allowed', null],
    [['office', 'reader'], '203.0.113.7', 'DELETE /a', 'request_not_allowed', null],
    [['office', 'reader'], '203.0.113.7', 'GET /a', 'allowed', 'reader/read'],
    [['lab', 'reader'], '192.0.2.7', 'POST /a', 'allowed', 'lab/write'],
    [['lab', 'reader'], '192.0.2.8', 'POST /a', 'request_not_allowed', null],
    [['lab', 'office'], '203.0.113.7', 'GET /a', 'address_not_allowed', 'lab/client_networks'],
    [['lab', 'office'], '10.1.0.1', 'DELETE /a', 'allowed', null],
    [['access', 'office'], '203.0.113.7', 'GET /a', 'allowed', null],
    // A role that is not about the app changes nothing.
    [['elsewhere', 'reader'], '203.0.113.7', 'GET /a', 'allowed', 'reader/read'],
  ] as const) {
    const [method = '', target = ''] = request.split(' ')
    const found = ask(roles, method, target, false, address)
    t.match(found, { verdict, rule }, `${roles} from ${address}: ${request}`)
  }
})

t.test('queries, replaced methods and confirmations', async () => {
  const rules = open({
    dev: {
      allow: {
        ...everywhere,
        app_rules: [
          { methods: ['GET', 'POST'], paths: ['/**'] },
          { methods: ['DELETE'], paths: ['/**'], query: { has: ['force'], equals: { scope: 'mine' } } },
          { methods: ['*'], paths: ['/admin/**'], require: { confirm_within: '5m' } },
          { methods: ['POST'], paths: ['/admin/keys'], require: { confirm_within: '1m' } },
        ],
      },
      deny: {
        app_rules: [{ methods: ['POST'], paths: ['/index.php'], query: { equals: { action: 'delete' } } }],
      },
    },
  })
  verdictsOf(rules, [
    [['dev'], 'DELETE /a', 'request_not_allowed'],
    [['dev'], 'DELETE /a?force&scope=mine', 'allowed'],
    [['dev'], 'DELETE /a?force&scope=mine&scope=all', 'request_not_allowed'],
    [['dev'], 'DELETE /a?force&scope=mine;scope=all', 'request_not_allowed'],
    [['dev'], 'POST /index.php?action=view', 'allowed'],
    [['dev'], 'POST /index.php?action=delete', 'request_not_allowed'],
    [['dev'], 'POST /index.php?action=view&action=delete', 'request_not_allowed'],
    [['dev'], 'POST /index.php?a=1;action=delete', 'request_not_allowed'],
    [['dev'], 'POST /index.php?%61ction=delete', 'request_not_allowed'],
    [['dev'], 'POST /a?_method=delete', 'request_not_allowed'],
    [['dev'], 'POST /a?_method=DELETE&force&scope=mine', 'allowed'],
    [['dev'], 'GET /admin', 'recent-confirmation 300000'],
    [['dev'], 'GET /admin/users', 'recent-confirmation 300000'],
    [['dev'], 'POST /admin/keys', 'recent-confirmation 60000'],
    [['dev'], 'GET /x/..%2fadmin', 'recent-confirmation 300000'],
    [['dev'], 'GET /', 'allowed'],
  ])
})

t.test('an explanation has the rule that decided, and every reading', async (t) => {
  const { ask } = open({
    dev: {
      allow: { ...everywhere, app_rules: [{ name: 'read', methods: ['GET'], paths: ['/**'] }] },
      deny: { app_rules: [{ name: 'no-admin', methods: ['*'], paths: ['/admin/**'] }] },
    },
  })
  t.match(ask(['dev'], 'GET', '/x/..%2fadmin').lines, [
    ...[{ effect: 'allow', role: 'dev', matcher: 'app_rules: dev/read', label: 'request' }],
    { effect: 'allow', matcher: 'app_rules: dev/read' },
    { effect: 'deny', role: 'dev', matcher: 'app_rules: dev/no-admin', value: 'GET /admin' },
    { effect: 'allow', matcher: 'app_rules: dev/read', value: 'GET /admin' },
  ])
  const refused = [{ effect: 'deny', role: null, matcher: 'request_not_allowed', value: 'PUT /x' }]
  t.match(ask(['dev'], 'PUT', '/x').lines, refused)
  t.match(ask(['dev'], 'GET', '/%25252e').lines, [{ matcher: 'path_ambiguous', value: 'GET /%25252e' }])
  const both = ask(['dev', 'access'], 'POST', '/x?_method=PUT').lines
  t.match(both, [
    { effect: 'allow', role: 'access', matcher: 'the whole app', value: 'POST /x' },
    { effect: 'allow', role: 'access', matcher: 'the whole app', value: 'PUT /x' },
  ])
})

t.test(
  'the decision names the rule: the one that denies, or that asks for most, or the first that allows',
  async (t) => {
    const paths = ['/**']
    const { ask } = open({
      dev: {
        allow: {
          ...everywhere,
          app_rules: [
            { name: 'read', methods: ['GET', 'POST', 'PUT'], paths },
            { methods: ['POST'], paths, require: { confirm_within: '1h' } },
            { name: 'soon', methods: ['POST'], paths, require: { confirm_within: '1m' } },
          ],
        },
        deny: {
          app_rules: [
            { methods: ['PUT'], paths: ['/a'] },
            { name: 'no-b', methods: ['PUT'], paths: ['/b'] },
          ],
        },
      },
    })
    for (const [request, rule] of [
      ['GET /', 'dev/read'],
      ['POST /', 'dev/soon'],
      ['PUT /a', 'dev/deny.1'],
      ['PUT /b', 'dev/no-b'],
      ['DELETE /', null],
    ] as const)
      t.equal(ask(['dev'], ...(request.split(' ') as [string, string])).rule, rule, request)
    t.equal(ask(['dev', 'access'], 'DELETE', '/').rule, null, 'the whole app')
  },
)

t.test('rules end with the role that had them', async (t) => {
  const { ask, put } = open({
    dev: { allow: { ...everywhere, app_rules: [{ methods: ['GET'], paths: ['/a'] }] } },
  })
  const roles = Object.freeze(['dev'])
  t.equal(ask(roles, 'GET', '/b').verdict, 'request_not_allowed')
  put('dev', { allow: { ...everywhere, app_rules: [{ methods: ['GET'], paths: ['/b'] }] } })
  t.equal(ask(roles, 'GET', '/b').verdict, 'allowed')
  put('dev', { allow: everywhere })
  t.equal(ask(roles, 'DELETE', '/c').verdict, 'allowed')
})

t.test('an app without rules is not asked about its requests', async (t) => {
  const host = createTestHost(appRules, { use: stands })
  const reader = { exists: () => true, ruled: () => [], reach: () => ({ allowed: true, denied: false }) }
  for (const rule of host.slot(roleRules)) rule.attach(reader as never)
  const query = testQuery()
  const reads: number[] = []
  const watched = Object.create(query, { request: { get: () => reads.push(1) } })
  host.calls.access.decide(
    watched,
    () => ({ allow() {}, rule: t.fail, deny: t.fail, require: t.fail }) as never,
  )
  t.equal(reads.length, 0)
})

t.test('wrong rules are refused with their place', async (t) => {
  const { put } = open({})
  const rule = { methods: ['GET'], paths: ['/**'] }
  for (const [spec, message] of [
    [{ allow: { app_rules: [{ ...rule, methods: ['get'] }] } }, /app_rules\.0\.methods\.0: must be a method/],
    [
      { allow: { app_rules: [{ ...rule, methods: ['websocket'] }] } },
      /methods\.0: must be a method such as GET/,
    ],
    [
      { allow: { app_rules: [{ ...rule, methods: ['POST'], upgrade: 'websocket' }] } },
      /upgrade: a WebSocket is opened with GET/,
    ],
    [{ allow: { app_rules: [{ ...rule, methods: [] }] } }, /app_rules\.0\.methods/],
    [{ allow: { app_rules: [{ ...rule, paths: ['admin'] }] } }, /paths\.0: a path begins with \//],
    [
      { allow: { app_rules: [rule, { ...rule, paths: ['/a', '/a%20b'] }] } },
      /app_rules\.1\.paths\.1: write the decoded/,
    ],
    [
      { allow: { app_rules: [{ ...rule, require: { confirm_within: '1s' } }] } },
      /confirm_within: must be from 10s/,
    ],
    [{ deny: { app_rules: [{ ...rule, require: { confirm_within: '5m' } }] } }, /require: a rule under deny/],
    [{ allow: { app_rules: rule } }, /app_rules/],
    [
      { allow: { client_networks: { networks: ['10.0.0.0/33'] } } },
      /networks\.0: is not an address or network/,
    ],
    [{ allow: { client_networks: { networks: [] } } }, /client_networks\.networks/],
    [{ allow: { countries: { codes: ['de'] } } }, /countries\.codes\.0/],
    [{ allow: { countries: { codes: [] } } }, /countries\.codes/],
    [{ deny: { countries: { codes: ['DE'] } } }, /countries/],
    [{ deny: { client_networks: { networks: ['10.0.0.1'] } } }, /client_networks/],
    [{ allow: { app_rules: [{ ...rule, path: ['/a'] }] } }, /path/],
  ] as const)
    t.throws(() => put('dev', spec), { code: 'resource_invalid', message })
})

t.test('patterns compare segments', (t) => {
  for (const [pattern, path, fits] of [
    ['/**', '/', true],
    ['/**', '/a/b', true],
    ['/a', '/a/', true],
    ['/a/', '/a', true],
    ['/a', '/A', false],
    ['/a/*', '/a/b', true],
    ['/a/*', '/a', false],
    ['/a/*', '/a/b/c', false],
    ['/a/**', '/a', true],
    ['/a/**/z', '/a/z', true],
    ['/a/**/z', '/a/b/z/c/z', true],
    ['/a/**/z', '/a/b', false],
    ['/**/x/**/y', '/a/x/b/x/y', true],
    ['/v*/users', '/v12/users', true],
    ['/*.css', '/a.b.css', true],
    ['/a*b*c', '/axxbxxc', true],
    ['/a*b*c', '/ac', false],
    ['/aa*aa', '/aaa', false],
  ] as const)
    t.equal(
      compilePathPattern(pattern).fits(withoutEndSlash(path.split('/').slice(1))),
      fits,
      `${pattern} ${path}`,
    )
  for (const wrong of [
    '',
    'a',
    '/a//b',
    '/../a',
    '/a?b',
    '/a#b',
    '/a%2fb',
    '/a***',
    '/a**',
    '/\0',
    `/${'a'.repeat(2_000)}`,
  ])
    t.type(pathPatternFault(wrong), 'string', wrong.slice(0, 20))
  const [slow, segments] = [
    compilePathPattern(`/${'**/a/'.repeat(100)}b`),
    Array.from({ length: 2_000 }, () => 'a'),
  ]
  const begun = process.cpuUsage()
  slow.fits(segments)
  t.ok(process.cpuUsage(begun).user < 200_000, 'little work for a hostile pattern')
  t.end()
})
