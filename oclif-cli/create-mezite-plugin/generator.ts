import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import module from 'node:module'
import { basename, join, resolve } from 'node:path'
import { parseArgs } from 'node:util'

interface KindOf {
  readonly purpose: string
  /** The folder below `examples` that it is made from. */
  readonly example: string
  /** Of a command: how it is called. */
  readonly use?: string
}

/** The kinds of plugin. */
export const KINDS = {
  policy: { example: 'office-hours', purpose: 'decides who may open which application' },
  'denial-help': { example: 'self-service', purpose: 'offers something to people whom no policy lets in' },
  'http-hook': { example: 'http-rules', purpose: 'changes or refuses requests to applications' },
  'audit-sink': { example: 'webhook-sink', purpose: 'delivers audit events' },
  'sign-in': { example: 'password-sign-in', purpose: 'signs people in' },
  credential: { example: 'service-accounts', purpose: 'lets programs in by a credential of its own' },
  verifier: { example: 'signed-webhooks', purpose: 'admits requests that nobody stands behind' },
  notifier: { example: 'agent-alerts', purpose: 'delivers notifications to operators' },
  job: {
    example: 'daily-report',
    purpose: 'does work in the background, on one hub of the cluster at a time',
  },
  resource: { example: 'app-notes', purpose: 'keeps what administrators name, with its API' },
  certificate: { example: 'certificate-folder', purpose: 'provides certificates for host names' },
  transport: { example: 'framed-transport', purpose: 'carries tunnels between agents and hubs' },
  'app-kind': {
    example: 'line-protocol',
    purpose: 'adds a kind of application: its protocol, and how to dial it',
  },
  'app-source': { example: 'app-folder', purpose: 'proposes applications that it finds beside an agent' },
  command: {
    example: 'recent-requests',
    purpose: 'adds a command to mezctl',
    use: 'mezctl requests --app NAME',
  },
  'msh-command': {
    example: 'app-bookmarks',
    purpose: 'adds a command to msh that calls the hub as the person',
    use: 'msh bookmarks',
  },
} as const satisfies Readonly<Record<string, KindOf>>

type Kind = keyof typeof KINDS
const kindOf = (kind: Kind): KindOf => KINDS[kind]

/** The program that gets the commands of this kind of plugin; null for a plugin of the hub or the agent. */
const programOf = (kind: Kind) => kindOf(kind).use?.split(' ')[0] ?? null

const USAGE = `Usage: npm create mezite-plugin -- FOLDER --kind KIND [--javascript]

Writes a plugin with its tests into FOLDER, whose name becomes the name of the plugin.

${Object.entries(KINDS)
  .map(([kind, { purpose }]) => `  --kind ${kind.padEnd(12)} ${purpose}`)
  .join('\n')}
  --javascript        plain JavaScript instead of TypeScript
`

const NAME = /^[a-z][a-z0-9-]{0,50}$/
const here = import.meta.dirname
const isBuilt = basename(here) === 'dist'
const packageFolder = isBuilt ? join(here, '..') : here
/** The examples: in the package, what its build has copied of them. */
const examples = isBuilt ? join(here, 'templates') : join(here, '../../examples')
const exampleOf = (kind: Kind) => join(examples, kindOf(kind).example)
/** What a plugin gets of its example: sources, tests, and configurations for `npm run dev`. */
export const isTemplate = (file: string): boolean => /\.(?:ts|yaml)$/.test(file)

const { version } = JSON.parse(readFileSync(join(packageFolder, 'package.json'), 'utf8')) as {
  version: string
}

/** Runs the command line; returns the exit status: 0, 1 for a failure, 2 for wrong usage. */
export function runGenerator(args: readonly string[]): 0 | 1 | 2 {
  const refuse = (message: string, status: 1 | 2): 1 | 2 => {
    process.stderr.write(`error: ${message}\n${status === 2 ? USAGE : ''}`)
    return status
  }
  let parsed: ReturnType<typeof parse>
  try {
    parsed = parse(args)
  } catch (error) {
    return refuse((error as Error).message, 2)
  }
  const { values, positionals } = parsed
  if (values.help) {
    process.stdout.write(USAGE)
    return 0
  }
  const [given, ...rest] = positionals
  const kind = Object.keys(KINDS).find((one): one is Kind => one === values.kind)
  if (given === undefined || rest.length > 0) return refuse('name one folder', 2)
  if (kind === undefined) return refuse(`--kind must be one of ${Object.keys(KINDS).join(', ')}`, 2)
  const folder = resolve(given)
  const name = basename(folder).replace(/^mezite-plugin-/, '')
  if (!NAME.test(name)) return refuse(`"${name}" is not a name: use small letters, digits and "-"`, 2)
  if (existsSync(folder) && readdirSync(folder).length > 0) return refuse(`${folder} is not empty`, 1)
  writePlugin({ folder, name, kind, javascript: values.javascript })
  const steps = [`cd ${given}`, 'npm install', ...(values.javascript ? [] : ['npm run build']), 'npm test']
  process.stdout.write(`Wrote ${folder}. Next:\n${steps.map((step) => `  ${step}\n`).join('')}`)
  return 0
}

const parse = (args: readonly string[]) =>
  parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      kind: { type: 'string' },
      javascript: { type: 'boolean', default: false },
      help: { type: 'boolean', short: 'h' },
    },
  })

/** Writes the files of a plugin into an empty folder. */
function writePlugin(options: {
  readonly folder: string
  readonly name: string
  readonly kind: Kind
  readonly javascript: boolean
}): void {
  const { folder, name, kind, javascript } = options
  const { example } = KINDS[kind]
  const files = readdirSync(exampleOf(kind))
    .filter(isTemplate)
    .map((file) => {
      const text = readFileSync(join(exampleOf(kind), file), 'utf8')
        .replaceAll(example, name)
        .replaceAll(example.replaceAll('-', '_'), name.replaceAll('-', '_'))
      return javascript && file.endsWith('.ts')
        ? ([file.replace(/\.ts$/, '.js'), asJavaScript(text)] as const)
        : ([file, text] as const)
    })
  const sources = files.map(([file]) => file).filter((file) => !/\.test\.|\.yaml$/.test(file))
  const write = (file: string, text: string) => writeFileSync(join(folder, file), text)
  mkdirSync(folder, { recursive: true })
  for (const [file, text] of files) write(file, text)
  write('package.json', `${JSON.stringify(manifest(name, kind, sources, javascript), null, 2)}\n`)
  write('.gitignore', 'node_modules/\ndist/\n')
  write('README.md', readme(name, kind, javascript))
  if (!javascript) write('tsconfig.json', `${JSON.stringify(TSCONFIG, null, 2)}\n`)
}

/** Removes types, and the spaces that the removal leaves. */
function asJavaScript(text: string): string {
  const { emitWarning } = process
  // The function is experimental; its result is the same as what Node.js runs.
  process.emitWarning = () => {}
  const plain = module.stripTypeScriptTypes(text)
  process.emitWarning = emitWarning
  return plain
    .replace(/(?<=\S) {2,}(?=[\S])/g, ' ')
    .replace(/(?<=\w) +(?=[),])| +$/gm, '')
    .replaceAll('static override', 'static')
    .replace(/(from '\.\/[\w-]+)\.ts'/g, "$1.js'")
    .replace(/\n{3,}/g, '\n\n')
}

const TSCONFIG = {
  compilerOptions: {
    target: 'es2024',
    module: 'nodenext',
    strict: true,
    skipLibCheck: true,
    types: ['node'],
    verbatimModuleSyntax: true,
    erasableSyntaxOnly: true,
    rewriteRelativeImportExtensions: true,
    declaration: true,
    rootDir: '.',
    outDir: 'dist',
  },
  include: ['*.ts'],
}

/** The members of an example's `package.json` that a plugin takes over. */
interface Needs {
  /** What it declares of itself: its status, its posture and its rights. */
  readonly mezite?: object
  readonly dependencies?: Readonly<Record<string, string>>
  readonly peerDependencies?: Readonly<Record<string, string>>
}

function manifest(name: string, kind: Kind, sources: readonly string[], javascript: boolean): object {
  const built = (file: string) =>
    javascript
      ? `./${file}`
      : { types: `./dist/${file.replace('.ts', '.d.ts')}`, default: `./dist/${file.replace('.ts', '.js')}` }
  const program = programOf(kind)
  const main = program ? '@mezite/cli' : '@mezite/core'
  const exports = Object.fromEntries(
    sources
      .filter((file) => /^(?:hub|agent|commands)\./.test(file))
      .map((file) => [`./${file.replace(/\.[jt]s$/, '')}`, built(file)]),
  )
  // `mezhub dev` reads sources in TypeScript without a build.
  const option = (flag: string, file: string) =>
    existsSync(join(exampleOf(kind), file)) ? ` --${flag} ${file}` : ''
  const dev = `mezhub dev --plugin .${option('config', 'dev.yaml')}${option('agent-config', 'dev-agent.yaml')}`
  const commands = {
    strategy: 'explicit',
    target: javascript ? './commands.js' : './dist/commands.js',
    identifier: 'COMMANDS',
  }
  const needs = JSON.parse(readFileSync(join(exampleOf(kind), 'package.json'), 'utf8')) as Needs
  const ofOthers = (list: Readonly<Record<string, string>> = {}) =>
    Object.fromEntries(Object.entries(list).filter(([needed]) => !needed.startsWith('@mezite/')))
  const dependencies = ofOthers(needs.dependencies)
  const peers = ofOthers(needs.peerDependencies)
  return {
    name: `mezite-plugin-${name}`,
    version: '0.1.0',
    description: `A plugin of Mezite that ${KINDS[kind].purpose}`,
    type: 'module',
    license: 'UNLICENSED',
    engines: { node: '>=24' },
    exports,
    ...(needs.mezite && { mezite: needs.mezite }),
    files: javascript ? sources : ['dist', '!dist/*.test.*'],
    scripts: {
      ...(javascript ? {} : { build: 'tsc' }),
      // The build compiles the tests too, which checks their types.
      test: javascript ? 'node --test' : 'node --test "*.test.ts"',
      ...(program ? {} : { dev }),
    },
    ...(program ? { oclif: { topicSeparator: ' ', commands } } : {}),
    // Until 1.0, a minor version may change names that are not public yet.
    peerDependencies: { [main]: `^${version}`, ...peers },
    ...(Object.keys(dependencies).length > 0 ? { dependencies } : {}),
    devDependencies: {
      [main]: version,
      ...peers,
      // The kit for tests and `mezhub dev` run a real hub and a real agent.
      ...(program ? { '@mezite/core': version } : { '@mezite/agent': version }),
      '@mezite/hub': version,
      ...(javascript ? {} : { '@types/node': '^24.0.0', typescript: '>=5.9' }),
    },
  }
}

/** The part of a configuration file, as a block of Markdown, that switches a half of a plugin on with what it must be told. */
function configured(name: string, kind: Kind, half: 'hub' | 'agent'): string {
  const file = join(exampleOf(kind), half === 'hub' ? 'dev.yaml' : 'dev-agent.yaml')
  const lines = existsSync(file) ? readFileSync(file, 'utf8').trimEnd().split('\n') : []
  const options = lines.filter((line) => !line.startsWith('#')).map((line) => `  ${line}`)
  const all = [
    half === 'hub' ? '# mezhub.yaml' : '# mezd.yaml',
    'plugins:',
    ...(options.length > 0 ? [`  ${name}:`, ...options.map((line) => `  ${line}`)] : [`  ${name}: {}`]),
  ]
  const secret = lines[0]?.includes('"secret"')
    ? '\nThe SHA-256 is that of `secret`. Yours: `printf %s SECRET | sha256sum`.\n'
    : ''
  return `${all.map((line) => `    ${line}\n`).join('')}${secret}`
}

function readme(name: string, kind: Kind, javascript: boolean): string {
  const program = programOf(kind)
  const halves = (['hub', 'agent'] as const).filter((half) => existsSync(join(exampleOf(kind), `${half}.ts`)))
  const use = program
    ? `    ${program} plugins install mezite-plugin-${name}\n    ${kindOf(kind).use}\n`
    : halves.map((half) => configured(name, kind, half)).join('\n')
  const kindUse = `
    # an application
    mezctl apps register --name first --uri ${name}://127.0.0.1:7000 --agent-hostname node-1
`
  return `# ${name}

A plugin of Mezite that ${KINDS[kind].purpose}.

    npm install${javascript ? '' : '\n    npm run build'}
    npm test
${
  program
    ? ''
    : `
\`npm run dev\` runs a hub with the plugin on this machine, prints a link that signs you in, and restarts when a file changes.
`
}
${program ? 'Install it:' : `Install it beside the configuration file (\`npm install mezite-plugin-${name}\`), and switch it on:`}

${use}${kind === 'app-kind' ? kindUse : ''}`
}
