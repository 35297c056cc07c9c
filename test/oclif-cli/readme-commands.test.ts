/** The commands in code blocks of every README and of the pages for operators, each as printed, against a real hub. */
import { existsSync, globSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createTestAgent, createTestHub, FakeIssuer } from '@mezite/core/testing'
import t from 'tap'
import { root } from '../read-imports.ts'
import { runLines } from './run-program.ts'

const PAGES = [
  ...['README.md', 'SECURITY.md', 'plugins/*/*.md', 'plugins/docs/pages/*/*.md', 'examples/*/*.md'],
  ...['agent/README.md', 'core/README.md', 'oclif-cli/*/README.md'],
]
/** Commands that start something or need a person, and the test that runs each. */
const ELSEWHERE: Readonly<Record<string, string>> = {
  'mezhub init': 'e2e/first-app.test.ts',
  'mezhub start': 'e2e/first-app.test.ts',
  'mezd start': 'e2e/first-app.test.ts',
  'mezhub backup': 'plugins/backup/backup.test.ts',
  'mezhub restore': 'plugins/backup/backup.test.ts',
  'mezhub database': 'plugins/backup/backup.test.ts',
  'msh login': 'e2e/msh.test.ts',
  'msh app': 'e2e/msh.test.ts',
  'msh -i': 'oclif-cli/identity-file.test.ts',
  'mezctl sso test': 'plugins/oidc/sign-in-test.test.ts',
  // The first checkpoint comes after a minute.
  'mezctl audit verify --checkpoint': 'plugins/audit-database/verification.test.ts',
  'mezctl audit tail': 'oclif-cli/mezctl-audit.test.ts',
  'mezctl requests': 'examples/recent-requests.test.ts',
  'mezctl plugins': 'examples/recent-requests.test.ts',
}

/** Lines of code blocks, each cut into its commands, without comments and what a shell does with the output. */
function commandsOf(page: string): string[] {
  const blocks = page.matchAll(/^```(?:sh|bash|console)?\n([\s\S]*?)^```$|^( {4}\S.*)$/gm)
  return [...blocks]
    .flatMap(([, fenced, indented]) => (fenced ?? indented ?? '').replace(/\\\n\s*/g, '').split('\n'))
    .flatMap((line) => line.replace(/\s+#.*/, '').split(/ && |; /))
    .map((command) => command.replace(/ (?:\||>|&).*$/, '').trim())
    .filter((command) => /^(?:mezctl|msh|mezhub|mezd) /.test(command))
}

const found = globSync(PAGES, { cwd: root })
  .filter((file) => !file.includes('node_modules'))
  .flatMap((file) => commandsOf(readFileSync(join(root, file), 'utf8')).map((command) => ({ file, command })))
const elsewhere = (command: string) =>
  Object.entries(ELSEWHERE).find(([start]) => command === start || command.startsWith(`${start} `))?.[1]

t.test('every command of a page runs in a test', async (t) => {
  t.ok(found.length > 30, `${found.length} commands`)
  for (const { file, command } of found) {
    const test = elsewhere(command)
    if (test !== undefined) t.ok(existsSync(join(root, 'test', test)), `${command}: ${test}`)
    else t.match(command, /^mezctl /, `${file}: ${command} is run here, or ELSEWHERE names its test`)
  }
})

t.test('the commands of mezctl succeed as they are written', async (t) => {
  const issuer = await FakeIssuer.start()
  t.teardown(() => issuer.close())
  const hub = await createTestHub()
  t.teardown(() => hub.stop())
  const agent = await createTestAgent(hub)
  t.teardown(() => agent.stop(200))
  const page = readFileSync(join(root, 'plugins/docs/pages/start/step-by-step.md'), 'utf8')
  const secret = join(hub.dataDir, 'oidc-secret')
  writeFileSync(secret, 'secret', { mode: 0o600 })
  for (const name of ['sso.yaml', 'roles.yaml']) {
    const text = new RegExp(`^# ${name}\\n([\\s\\S]*?)^(?:---|\`\`\`)$`, 'm').exec(page)?.[1] ?? ''
    const here = text
      .replace(/https:\/\/id\.example\.com\S*/, issuer.url)
      .replace('/etc/mezite/oidc-secret', secret)
    writeFileSync(join(hub.dataDir, name), here)
  }
  const env = { MEZITE_DATA_DIR: hub.dataDir, MEZCTL_HOME: join(hub.dataDir, 'home') }
  const lines = found.filter(({ command }) => elsewhere(command) === undefined).map(({ command }) => command)
  for (const line of lines) {
    const [, name] = /^mezctl apps register --name (\S+)/.exec(line) ?? []
    // Two sections register the same application.
    if (name !== undefined) await hub.api('DELETE', `/apps/${name}`).catch(() => {})
    const words = line.replace(/^mezctl /, '').replace(/(?<=--from-file )(\S+)/, `${hub.dataDir}/$1`)
    const [result] = await runLines([words], env)
    t.match(result, { code: 0, err: '' }, line)
  }
})
