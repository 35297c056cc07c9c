// together: hubs
/** The commands in code blocks of every README and of the pages for operators, each as printed, against a real hub. */
import { existsSync, globSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createTestAgent, createTestHub, FakeIssuer } from '@mezite/core/testing'
import t from 'tap'
import { root } from '../read-imports.ts'
import { runLines } from './run-program.ts'

const PAGES = [
  ...['README.md', 'SECURITY.md', 'plugins/*/*.md', 'examples/*/*.md'],
  // Without `look-up`, which is written from the sources: its examples are those of the help.
  'plugins/docs/pages/{start,how-to,understand,troubleshoot,compare,build,plugins}/*.md',
  ...['agent/README.md', 'core/README.md', 'oclif-cli/*/README.md'],
]
/** Commands that start something or need a person, and the test that runs each. */
const ELSEWHERE: Readonly<Record<string, string>> = {
  'mezctl programs doctor': 'plugins/bots/doctor.test.ts',
  'mezhub init': 'e2e/first-app.test.ts',
  'mezhub start': 'e2e/first-app.test.ts',
  'mezd start': 'e2e/first-app.test.ts',
  'mezhub backup': 'plugins/backup/backup.test.ts',
  'mezhub restore': 'plugins/backup/backup.test.ts',
  'mezhub database': 'plugins/backup/backup.test.ts',
  'mezhub plugins': 'plugins/backup/add-plugin.test.ts',
  'msh login': 'e2e/msh.test.ts',
  'msh app': 'e2e/msh.test.ts',
  'msh -i': 'oclif-cli/identity-file.test.ts',
  'mezctl trust': 'plugins/local-authority/local-authority.test.ts',
  'mezctl sso test': 'plugins/oidc/sign-in-test.test.ts',
  // The first checkpoint comes after a minute.
  'mezctl audit verify --checkpoint': 'plugins/audit-database/verification.test.ts',
  'mezctl audit tail': 'oclif-cli/mezctl-audit.test.ts',
  'mezctl requests': 'examples/recent-requests.test.ts',
  'mezctl plugins': 'examples/recent-requests.test.ts',
  'msh plugins': 'examples/recent-requests.test.ts',
  'msh bookmarks': 'examples/recent-requests.test.ts',
  'mezctl apps oidc': 'plugins/authorization-server/app-sign-in.test.ts',
  // Their ids are those of a proposal.
  'mezctl app-proposals': 'plugins/app-proposals/proposals.test.ts',
  'mezctl app-sources': 'plugins/app-proposals/proposals.test.ts',
  'mezctl changes': 'plugins/change-approvals/hubs.test.ts',
  'msh kube': 'oclif-cli/msh-programs.test.ts',
  'msh token': 'plugins/authorization-server/git.test.ts',
  'msh curl': 'plugins/authorization-server/git.test.ts',
}

/** The loop of plugins/audit-database over the pages of the API. */
const SCRIPT = 'part of a script with curl and jq; plugins/audit-database tests page with the same parameters'
/** First words of other commands, and why no test runs them as they are written. */
const OF_OTHERS: Readonly<Record<string, string>> = {
  npm: 'installs from the registry, or runs the tests themselves; packages-check installs the packs with npm',
  apt: 'installs a package on the machine; packaging/packages.test.ts installs it with dpkg in a folder',
  systemctl: 'starts services of the machine; log/service-install.test.ts checks the units',
  podman: 'needs a container engine; npm run release -- --check starts the images with runc',
  cosign: 'checks a release with a program of others; packaging/release-workflow.test.ts reads what signs it',
  'slsa-verifier':
    'checks a release with a program of others; plugins/backup/version.test.ts checks the same statements',
  sha256sum:
    'checks files of a release that is not here; packaging/release-files.test.ts compares the checksums',
  docker: 'needs a container engine; packaging/packages.test.ts checks what the images run',
  rm: 'removes the data of an installation',
  ln: 'switches the version of an installation',
  mv: 'switches the version of an installation',
  openssl: 'makes a key with a program of others',
  echo: 'shows what openssl has made',
  chmod: 'hides a file of the example from others',
  curl: 'asks the hub of the example by its name',
  psql: 'a client of others, for an application of the example',
  ssh: 'a client of others, for an application of the example',
  query: SCRIPT,
  next: SCRIPT,
  while: SCRIPT,
  '[': SCRIPT,
  do: SCRIPT,
  printf: SCRIPT,
  done: SCRIPT,
  jq: 'reads the response of the line before it',
  idt: 'a recipe for the runner of GitHub; oclif-cli/msh-bot.test.ts asks a stand-in for it',
  at: 'exchanges the ID token of a platform; plugins/authorization-server/bot-tokens.test.ts does the same',
  git: 'a client of others; plugins/authorization-server/git.test.ts clones and pushes with it',
  KUBECONFIG: 'kubectl is a client of others; oclif-cli/msh-programs.test.ts asks the exec plugin',
  pip: 'a client of others, for an application of the example',
  '/etc/mezite/dns-hook': 'a program of the operator; plugins/acme/parts.test.ts runs one',
  'redis-cli': 'a client of others; e2e/msh.test.ts runs it',
}

/** Blocks without a language are for a shell. */
const SHELLS: readonly string[] = ['', 'sh', 'bash', 'console']

const linesOf = (page: string): string[] =>
  [...page.matchAll(/^```(\S*)\n([\s\S]*?)^```$/gm)]
    .filter(([, language = '']) => SHELLS.includes(language))
    .flatMap(([, , block = '']) => block.replace(/\\\n\s*/g, '').split('\n'))
    .flatMap((line) => line.replace(/(^|\s+)#.*/, '').split(/ && |; /))
    .map((line) => line.trim())
    .filter(Boolean)

/** Lines of code blocks, each cut into its commands, without comments and what a shell does with the output. */
function commandsOf(page: string): string[] {
  // The end of a block in another language must not count as the begin of the next one.
  const blocks = page.matchAll(/^```(\S*)\n([\s\S]*?)^```$|^( {4}\S.*)$/gm)
  return [...blocks]
    .filter(([, language = '']) => SHELLS.includes(language))
    .flatMap(([, , fenced, indented]) => (fenced ?? indented ?? '').replace(/\\\n\s*/g, '').split('\n'))
    .flatMap((line) => line.replace(/\s+#.*/, '').split(/ && |; /))
    .map((command) => command.replace(/ (?:\||>|&).*$/, '').trim())
    .filter((command) => /^(?:mezctl|msh|mezhub|mezd) /.test(command))
}

const found = globSync(PAGES, { cwd: root })
  .filter((file) => !file.includes('node_modules'))
  .flatMap((file) => commandsOf(readFileSync(join(root, file), 'utf8')).map((command) => ({ file, command })))
const elsewhere = (command: string) =>
  Object.entries(ELSEWHERE).find(([start]) => command === start || command.startsWith(`${start} `))?.[1]

t.test('a test runs every command of a page', async (t) => {
  t.ok(found.length > 30, `${found.length} commands`)
  for (const { file, command } of found) {
    const test = elsewhere(command)
    if (test !== undefined) t.ok(existsSync(join(root, 'test', test)), `${command}: ${test}`)
    else t.match(command, /^mezctl /, `${file}: ${command} is run here, or ELSEWHERE names its test`)
  }
})

t.test('this test names a reason for every other line for a shell', (t) => {
  const used = new Set<string>()
  for (const file of globSync(PAGES, { cwd: root }).filter((file) => !file.includes('node_modules')))
    for (const line of linesOf(readFileSync(join(root, file), 'utf8'))) {
      const [word = ''] = line.split(/ |=/)
      if (/^(?:mezctl|msh|mezhub|mezd)$/.test(word)) continue
      t.ok(word in OF_OTHERS, `${file}: ${line}`)
      used.add(word)
    }
  t.strictSame(
    Object.keys(OF_OTHERS).filter((word) => !used.has(word)),
    [],
    'each reason is needed',
  )
  t.end()
})

t.test('the commands of mezctl succeed as they are written', async (t) => {
  const issuer = await FakeIssuer.start()
  t.teardown(() => issuer.close())
  // Commands about programs need what the page turns on.
  const proxy = { apps_domain: ['apps.mezite.localhost', 'apps.example.org'] }
  const plugins = { 'authorization-server': { enabled: true } }
  const hub = await createTestHub({ config: { proxy, plugins } })
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
  const lines = found
    .filter(({ command }) => elsewhere(command) === undefined)
    .flatMap(({ command }) => {
      const [, name] = /^mezctl apps register --name (\S+)/.exec(command) ?? []
      const words = command.replace(/^mezctl /, '').replace(/(?<=--from-file )(\S+)/, `${hub.dataDir}/$1`)
      // Two sections register the same application.
      const before = name === undefined ? [] : [{ line: null, words: `apps rm ${name} --yes` }]
      if (command.startsWith('mezctl bots create ci ')) before.push({ line: null, words: 'bots rm ci --yes' })
      return [...before, { line: command, words }]
    })
  // The pages ask about her, and lock her out.
  lines.unshift({ line: null, words: 'users create alice@example.com --roles access' })
  // A page moves it to another domain.
  lines.unshift({ line: null, words: 'apps register --name shop --uri http://127.0.0.1:8000' })
  // The page about bots replaces its secret.
  lines.unshift({ line: null, words: 'bots create ci --roles access' })
  const results = await runLines(
    lines.map(({ words }) => words),
    env,
  )
  for (const [at, { line }] of lines.entries()) {
    if (line === null) continue
    const result = results[at]
    t.match(result, { code: 0, err: /^(?:warning: .*\n)?$/ }, line)
  }
})
