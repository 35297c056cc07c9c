// together: quick
import { readdirSync } from 'node:fs'
import { dirname, join } from 'node:path'
import t from 'tap'
import { agentHooks } from '../core/api/agent-hooks.ts'
import { hubHooks } from '../core/api/hub-hooks.ts'
import { type Import, importsOf, root, sourcesOf, textOf } from './read-imports.ts'
import { strangerParsers } from './stranger-parsers.ts'

/** What builds packages and writes pages: it runs in a checkout only. */
const isTool = (file: string) => /^(oclif-cli\/packaging|plugins\/docs\/generator)\//.test(file)
const all = ['core', 'agent', 'plugins', 'oclif-cli'].flatMap(sourcesOf)
const sources = all.filter((file) => !isTool(file))
const imports = importsOf(sources)

const ours = (path: string) => sources.includes(path)
/** Prints what broke a rule, so that the failure says what to change. */
const offenders = (breaks: (one: Import) => boolean) =>
  imports.filter(breaks).map(({ from, to }) => `${from} imports ${to}`)

t.test('the search for imports finds them', (t) => {
  t.ok(imports.length > 50)
  t.ok(imports.some(({ from, to }) => from === 'core/kernel/kernel.ts' && to === 'core/kernel/hooks.ts'))
  t.ok(imports.some(({ to, typeOnly }) => to === 'core/kernel/hook.ts' && typeOnly))
  t.end()
})

t.test('the kernel imports only itself from this project, and no HTTP, TLS or SQL', (t) => {
  const foreign = /^(node:(http2?|https|tls|net)|fastify.*|kysely|pg|undici|@mezite\/.*)$/
  const fromKernel = (from: string) => from.startsWith('core/kernel/')
  t.strictSame(
    offenders(({ from, to }) => fromKernel(from) && (foreign.test(to) || (ours(to) && !fromKernel(to)))),
    [],
  )
  t.end()
})

t.test('only core/kernel/hooks.ts imports tapable', (t) => {
  t.strictSame(
    offenders(({ from, to }) => to === 'tapable' && from !== 'core/kernel/hooks.ts'),
    [],
  )
  t.end()
})

/** The floors of the core. Each imports lower ones and itself, types included. */
const FLOORS = 'kernel api wire base state gate traffic web hub program testing'.split(' ')
const floorOf = (path: string) => FLOORS.indexOf(/^core\/([^/]+)\//.exec(path)?.[1] ?? '')

t.test('a floor imports lower floors', (t) => {
  t.strictSame(
    sources.filter((file) => file.startsWith('core/') && floorOf(file) < 0 && file.split('/').length > 2),
    ['core/mezhub/mezhub.js'],
    'every file of the core is on a floor, besides the entries of its package',
  )
  t.strictSame(
    offenders(({ from, to }) => floorOf(from) >= 0 && floorOf(to) > floorOf(from)),
    [],
  )
  // What starts a program knows the folder of the program, where packages are found that others have as peers.
  const own = ({ from, to }: Import) =>
    floorOf(from) >= 0 && (/^@mezite\//.test(to) || /^core\/[^/]+$/.test(to))
  t.strictSame(
    imports
      .filter((one) => own(one) && floorOf(one.from) < FLOORS.indexOf('program'))
      .map(({ from, to }) => `${from} imports ${to}`),
    [
      ...['base/loader/plugin-loader.ts', 'base/loader/plugin-locator.ts'],
      // Each thread looks for itself.
      ...['state/database/pglite-worker.ts', 'state/database/postgres-session.ts'],
    ].map((file) => `core/${file} imports @mezite/core/launch`),
    'no floor of the hub imports an entry of a package',
  )
  t.end()
})

/** The circles of a graph: the groups of nodes that reach each other. */
function circlesOf(arrows: readonly (readonly [from: string, to: string])[]): readonly string[] {
  const after = Map.groupBy(arrows, ([from]) => from)
  const [places, low, path] = [new Map<string, number>(), new Map<string, number>(), [] as string[]]
  const circles: string[] = []
  const visit = (node: string): void => {
    const place = places.size
    places.set(node, place)
    low.set(node, place)
    path.push(node)
    for (const [, next] of after.get(node) ?? []) {
      if (!places.has(next)) visit(next)
      if (path.includes(next)) low.set(node, Math.min(low.get(node)!, low.get(next)!))
    }
    if (low.get(node) !== place) return
    const circle = path.splice(path.indexOf(node))
    if (circle.length > 1) circles.push(circle.sort().join(', '))
  }
  for (const [from] of arrows) if (!places.has(from)) visit(from)
  return circles
}

const arrowsOf = (which: (one: Import) => boolean) =>
  imports.filter((one) => ours(one.to) && which(one)).map(({ from, to }) => [from, to] as const)

t.test(
  'no circle is in running code, none of more than one folder in types, and none between parts of the core',
  (t) => {
    t.strictSame(
      circlesOf([
        ['a', 'b'],
        ['b', 'c'],
        ['c', 'b'],
        ['c', 'd'],
      ]),
      ['b, c'],
      'the search finds them',
    )
    t.strictSame(circlesOf(arrowsOf(({ typeOnly }) => !typeOnly)), [])
    const spread = (circle: string) => new Set(circle.split(', ').map((file) => dirname(file))).size > 1
    t.strictSame(circlesOf(arrowsOf(() => true)).filter(spread), [])
    const parts = arrowsOf(({ from }) => floorOf(from) >= 0).map(
      ([from, to]) => [dirname(from), dirname(to)] as const,
    )
    t.strictSame(circlesOf(parts.filter(([from, to]) => from !== to)), [])
    t.end()
  },
)

/** What each part may load besides itself and packages of others. The core may name any of its types. */
const MAY_LOAD: Readonly<Record<string, readonly string[]>> = {
  agent: ['@mezite/core/agent', '@mezite/core/launch'],
  // A thread of a plugin loads the entry for connections to the database alone, to stay small; scripts of pages those of the
  // hub's line drawings and of its search.
  plugins: [
    '@mezite/core',
    '@mezite/core/protocol',
    '@mezite/core/identity',
    '@mezite/core/administration',
    '@mezite/core/types',
    '@mezite/core/postgres-session',
    '@mezite/core/drawings',
    '@mezite/core/search',
    '@mezite/cli',
    '@mezite/cli/*',
  ],
  'oclif-cli/shared': ['@mezite/core/error-codes', '@mezite/core/reasons'],
  'oclif-cli/mezctl': ['@mezite/cli', '@mezite/cli/*', '@mezite/core/launch'],
  'oclif-cli/msh': [
    ...[
      '@mezite/cli',
      '@mezite/cli/*',
      '@mezite/core/launch',
      '@mezite/core/protocol',
      '@mezite/core/reasons',
    ],
    // Issues certificates for names of apps alone.
    '@mezite/plugin-local-authority/authority',
  ],
  // An example of a command extends the classes of the command lines.
  examples: [
    ...['@mezite/core', '@mezite/core/protocol', '@mezite/core/identity', '@mezite/core/administration'],
    ...['@mezite/core/types', '@mezite/core/testing'],
    '@mezite/cli',
    // The base class of commands of msh.
    '@mezite/cli/identity',
  ],
}

t.test('each part loads only the parts that the map allows', (t) => {
  const below = (pattern: string, to: string) => pattern.endsWith('/*') && to.startsWith(pattern.slice(0, -1))
  for (const [part, allowed] of Object.entries(MAY_LOAD)) {
    // Of plugins and examples each is a part of its own.
    const own = new RegExp(/^(plugins|examples)$/.test(part) ? `^${part}/[^/]+/` : `^${part}/`)
    const wrong = importsOf(sourcesOf(part).filter((file) => !isTool(file))).filter(
      ({ from, to, typeOnly }) => {
        // Commands that packages of the standard set add to mezhub.
        if (to === '@mezite/core/program' && /^plugins\/[^/]+\/program[./]/.test(from)) return false
        if (to.startsWith('@mezite/')) return !allowed.some((one) => one === to || below(one, to))
        if (!ours(to) || to.startsWith(own.exec(from)![0])) return false
        return !(typeOnly && to.startsWith('core/')) && !allowed.some((one) => to.startsWith(`${one}/`))
      },
    )
    t.strictSame(
      wrong.map(({ from, to }) => `${from} imports ${to}`),
      [],
      part,
    )
  }
  t.end()
})

t.test('commands of a plugin load neither of its halves, and its halves load no command', (t) => {
  // mezctl must start fast, and a hub is installed without the command lines.
  const isCommand = (path: string) => /^plugins\/[^/]+\/commands[./]/.test(path)
  const line = /^(@mezite\/cli|@oclif\/core)(\/|$)/
  const wrong = ({ from, to }: Import) =>
    isCommand(from)
      ? !(isCommand(to) || line.test(to) || to.startsWith('node:'))
      : isCommand(to) || line.test(to)
  t.strictSame(
    offenders((one) => one.from.startsWith('plugins/') && wrong(one)),
    [],
  )
  t.ok(sources.some(isCommand))
  t.end()
})

const DECLARED = /^export (?:const|class|function|interface|type) ([\w$]+)/gm
const LISTED = /^export (?:type )?\{([\s\S]*?)\} from/gm
const FORWARDED = /^export \* from '(.*)'/gm

/** The names that a module exports, values and types. */
function namesOf(file: string): string[] {
  const text = textOf(file)
  return [
    ...[...text.matchAll(DECLARED)].map(([, name]) => name!),
    ...[...text.matchAll(LISTED)].flatMap(([, list]) =>
      list!
        .split(',')
        .map((name) => name.trim().replace(/^type /, ''))
        .filter(Boolean),
    ),
    ...[...text.matchAll(FORWARDED)].flatMap(([, path]) => namesOf(join(dirname(file), path!))),
  ]
}

const main = namesOf('core/index.ts')
/** The entries for one kind of plugin, which are unstable until 1.0. */
const special = ['protocol', 'identity', 'administration'].map((entry) => ({
  entry,
  names: namesOf(`core/${entry}.ts`),
}))
const [{ names: protocol }] = special as [(typeof special)[number]]

/** The packages that import each name of the contract. */
function usersOf(names: readonly string[]): ReadonlyMap<string, ReadonlySet<string>> {
  const users = new Map(names.map((name) => [name, new Set<string>()]))
  const IMPORTED =
    /^(?:import|export) (?:type )?\{([^}]*)\} from '@mezite\/core(?:\/(?:protocol|identity|administration))?'/gm
  for (const file of ['agent', 'plugins', 'oclif-cli', 'examples'].flatMap(sourcesOf)) {
    const [owner] = /^(?:agent|[^/]+\/[^/]+)/.exec(file)!
    for (const [, list] of textOf(file).matchAll(IMPORTED))
      for (const name of list!.split(',')) users.get(/^\s*(?:type )?([\w$]*)/.exec(name)![1]!)?.add(owner)
  }
  return users
}

/** What may only become smaller. `RULERS` has the value of today: set it to what the test prints when yours is smaller. */
const RULERS = {
  'lines of the core without testing': 41_879,
  'lines of all sources, without tests and examples': 128_724,
  'arrows between parts of the core, types included': 189,
  'names of the contract that one package uses, or none': 64,
  'names of @mezite/core/protocol': 72,
}

const linesOf = (files: readonly string[]) =>
  files.reduce((sum, file) => sum + textOf(file).split('\n').length - 1, 0)

t.test('the sources, the arrows and the names that few need become fewer', (t) => {
  const arrows = imports.flatMap(({ from, to }) => {
    const [own, other] = [dirname(from), dirname(to)]
    return floorOf(from) < 0 || floorOf(to) < 0 || own === other ? [] : [`${own} to ${other}`]
  })
  const users = [...usersOf([main, ...special.map(({ names }) => names)].flat()).values()]
  t.ok(
    users.some(({ size }) => size > 5),
    'the search for users finds them',
  )
  const measured: typeof RULERS = {
    'lines of the core without testing': linesOf(
      sourcesOf('core').filter((file) => !file.startsWith('core/testing/')),
    ),
    'lines of all sources, without tests and examples': linesOf(sources),
    'arrows between parts of the core, types included': new Set(arrows).size,
    'names of the contract that one package uses, or none': users.filter(({ size }) => size < 2).length,
    'names of @mezite/core/protocol': protocol.length,
  }
  for (const [what, most] of Object.entries(RULERS)) {
    const now = measured[what as keyof typeof RULERS]
    const how =
      now > most
        ? `${what}: ${now}, more than the ${most} of RULERS. Take something away, or raise it and say in the commit what is worth it`
        : `${what}: ${now}${now < most ? `; lower RULERS in test/architecture.test.ts from ${most}` : ''}`
    t.comment(how)
    t.ok(now <= most, how)
  }
  t.end()
})

t.test('no entry exports a name twice', (t) => {
  const entries = [{ entry: 'core', names: main }, ...special]
  t.comment(entries.map(({ entry, names }) => `${entry}: ${names.length} names`).join(', '))
  t.ok(main.length > 40, `${main.length} names`)
  for (const { entry, names } of entries) t.strictSame([...new Set(names)].length, names.length, entry)
  t.end()
})

t.test('each name is in one of the entries', (t) => {
  const all = [main, ...special.map(({ names }) => names)].flat()
  // Programs that only speak a protocol load nothing else.
  const both = ['isMezError']
  t.strictSame(all.filter((name, at) => all.indexOf(name) !== at).sort(), both)
  t.end()
})

t.test('the exports of the entries for one kind of plugin are marked unstable', (t) => {
  for (const { entry } of special)
    t.match(textOf(`core/${entry}.ts`), /^\/\*\*[\s\S]*?Unstable\s+until 1\.0/, entry)
  t.end()
})

/** Folders that belong to the part above them. */
const INNER: readonly string[] = ['core/web/pages/browser', 'core/web/pages/texts']

t.test('the map of the code has every part and room, and no other', (t) => {
  const mapped = [...textOf('plugins/docs/pages/build/map.md').matchAll(/^\| `([^`]+)` \|/gm)].map(
    ([, place]) => place!,
  )
  const foldersOf = (folder: string) =>
    readdirSync(join(root, folder), { withFileTypes: true })
      .filter((entry) => entry.isDirectory() && !/^(\.|node_modules$|dist$)/.test(entry.name))
      .map(({ name }) => (folder === '.' ? name : `${folder}/${name}`))
  const top = foldersOf('.').filter((folder) => folder !== 'core')
  const there = [
    ...top.map((folder) => (mapped.includes(`${folder}/*`) ? `${folder}/*` : folder)),
    ...foldersOf('core').flatMap((floor) => [
      floor,
      ...foldersOf(floor).filter((part) => !INNER.includes(part)),
    ]),
  ]
  t.strictSame([...mapped].sort(), there.sort())
  t.end()
})

t.test('every export is used', (t) => {
  const readers = [...all, ...sourcesOf('test'), ...sourcesOf('examples')]
  const places = new Map<string, Set<string>>()
  for (const file of readers) {
    for (const [word] of textOf(file).matchAll(/[\w$]+/g)) {
      const files = places.get(word) ?? new Set()
      places.set(word, files.add(file))
    }
  }
  const EXPORT = /^export (?:async )?(?:abstract )?(?:function\*?|class|const) ([\w$]+)/gm
  const unused = sources.flatMap((file) =>
    [...textOf(file).matchAll(EXPORT)]
      .filter(([, name]) => places.get(name!)!.size === 1)
      .map(([, name]) => `${name} of ${file}`),
  )
  t.strictSame(unused, [])
  t.end()
})

t.test('every hook has a tap in a plugin or an example', (t) => {
  const hooks = { ...hubHooks, ...agentHooks }
  const names = Object.entries(hooks).flatMap(([room, verbs]) =>
    Object.keys(verbs).map((verb) => `${room}.${verb}`),
  )
  const text = ['plugins', 'examples'].flatMap(sourcesOf).map(textOf).join('\n')
  t.strictSame(
    names.filter((name) => !text.includes(`tap.${name}(`)),
    [],
  )
  t.end()
})

/** The steps of a request in http-apps, files and folders: each imports only later ones, types included. */
const HTTP_APPS_STEPS = [
  ...['hub', 'app-hosts', 'request-handler', 'relay', 'session', 'client', 'upstream', 'request'],
]

t.test('the steps of a request in http-apps import only later steps', (t) => {
  // The other files of this folder are limits, texts, deadlines, and the types of the parts that all steps get.
  const stepOf = (path: string) =>
    HTTP_APPS_STEPS.indexOf(/^plugins\/http-apps\/([\w-]+)/.exec(path)?.[1] ?? '')
  t.strictSame(
    offenders(({ from, to }) => stepOf(from) >= 0 && stepOf(to) >= 0 && stepOf(to) < stepOf(from)),
    [],
  )
  const steps = sources.map(stepOf)
  t.ok(
    HTTP_APPS_STEPS.every((_, at) => steps.includes(at)),
    'each step is there',
  )
  t.strictSame(
    sources.filter((file) => stepOf(file) >= 0 && /\bcatalog\.by[A-Z]/.test(textOf(file))),
    // A launch also opens the sessions of other apps.
    ['plugins/http-apps/request-handler.ts', 'plugins/http-apps/session/companions.ts'],
    'one step looks up the app, and passes it along',
  )
  t.end()
})

t.test('no file has more than 300 lines', (t) => {
  t.strictSame(
    all
      .map((file) => `${file}: ${textOf(file).split('\n').length}`)
      .filter((line) => Number(line.split(': ')[1]) > 301),
    [],
  )
  t.end()
})

t.test('E80 the gate alone decides, and every way to an app uses it to open connections', (t) => {
  const using = (pattern: RegExp) => sources.filter((file) => pattern.test(textOf(file))).sort()
  t.strictSame(using(/\bdecisions\.decide\(/), ['core/gate/access/access.ts'])
  t.strictSame(using(/\bcalls\.access\b(?!\.challenge\b)/), [
    'core/hub/rooms.ts',
    // Asks a policy on its own in a test; no part of the kit runs in a hub.
    'core/testing/policy-conformance.ts',
  ])
  t.strictSame(
    using(/\['access'\]\['decide'\]/),
    // `decisions.ts` decides, others say what it would decide, and `room.ts` lists what the hub makes, and imports the type for that.
    [
      ...['core/gate/access/account-groups.ts', 'core/gate/access/decisions.ts'],
      ...['core/gate/access/explanation.ts', 'core/hub/room.ts'],
      'core/testing/policy-conformance.ts',
    ],
    'which rooms may ask the policies',
  )
  t.strictSame(using(/\btap\.access\.decide\(/), [
    'plugins/access-requests/hub.ts',
    'plugins/app-rules/hub.ts',
    'plugins/authorization-server/hub.ts',
    'plugins/bots/hub.ts',
    'plugins/devices/hub.ts',
    'plugins/rbac/hub.ts',
  ])
  t.strictSame(
    using(/\bgrant\(|\bnew AdmissionState\(/).filter((file) => file !== 'core/gate/access/admission.ts'),
    ['core/gate/access/access.ts'],
    'who makes admissions',
  )
  t.strictSame(using(/\bstateOf\(admission\)/), ['core/traffic/tunnel/admitted-open.ts'])
  t.strictSame(using(/\bdialThrough\(/), [
    // On behalf of another hub, which has admitted.
    'core/traffic/relay/agent-relay.ts',
    'core/traffic/tunnel/agent-selector.ts',
    'core/traffic/tunnel/tunnel-dialer.ts',
  ])
  t.strictSame(using(/\bconnectionOf\(/), ['core/traffic/tunnel/tunnel-dialer.ts'])
  t.strictSame(
    using(/\bhttp2Of\(/),
    ['core/traffic/tunnel/tunnel-dialer.ts', 'core/traffic/tunnel/tunnel.ts'],
    'what opens streams of a link, or closes it',
  )
  t.strictSame(using(/\blive\.add\(/), ['core/gate/access/access.ts'])
  t.strictSame(using(/\baccess\.admit\(/), [
    'core/web/desk/app-launch.ts',
    // Asks on behalf of a program, with `probe`, before it gets a token.
    'core/web/desk/program-access.ts',
    'plugins/authorization-server/access-tokens.ts',
    'plugins/authorization-server/running.ts',
    'plugins/http-apps/session/admission.ts',
    // Asks for the state of access with `probe`, which opens nothing.
    'plugins/http-apps/session/session-routes.ts',
    // Asks whether another person may send a request, with `probe`.
    'plugins/signed-intent/intents.ts',
    'plugins/tcp-apps/client-connection.ts',
  ])
  t.end()
})

t.test('R190 every third-party parser on a path of strangers has its fuzz test', (t) => {
  const programs = sources.filter(
    (file) =>
      /^(agent|plugins|core\/(kernel|api|wire|base|state|gate|traffic|web|hub))\//.test(file) &&
      !/\/(commands|build)\.ts$|\/commands\/|\/dashboard\/web\//.test(file),
  )
  const loaded = importsOf(programs).flatMap(({ package: name, typeOnly }) =>
    name === null || typeOnly || /^@(mezite|oclif)\//.test(name) ? [] : [name],
  )
  t.strictSame(
    [...new Set(loaded)].sort(),
    Object.keys(strangerParsers).sort(),
    'list it in test/stranger-parsers.ts',
  )
  const ran = importsOf(sourcesOf('test')).map(({ to }) => to)
  for (const [name, reason] of Object.entries(strangerParsers))
    if ('fuzz' in reason) t.ok(ran.includes(reason.fuzz), `${name}: a test runs ${reason.fuzz}`)
  t.end()
})
