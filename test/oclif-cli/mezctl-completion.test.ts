// needs: zsh, fish
// together: mezctl
import { execFile } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import t from 'tap'
import { MSH, runMezctl } from './run-program.ts'

const run = promisify(execFile)
const script = join(t.testdir(), 'mezctl.bash')

t.test('completion offers the commands of plugins and help', async (t) => {
  const { code, out } = await runMezctl(['completion', 'bash'], {})
  t.equal(code, 0)
  writeFileSync(script, out)
  const offered = async (...words: string[]) => {
    const list = words.map((word) => `'${word}'`).join(' ')
    const asked = `source ${script}; COMP_WORDS=(${list}); COMP_CWORD=${words.length - 1}; _mezctl; echo "\${COMPREPLY[*]}"`
    const { stdout } = await run('bash', ['--norc', '-c', asked], { timeout: 120_000 })
    return stdout.trim().split(' ')
  }
  const verbs = await offered('mezctl', 'plugins', '')
  for (const verb of ['install', 'link', 'uninstall', '--core']) t.ok(verbs.includes(verb), verb)
  t.same(await offered('mezctl', 'plugins', 'link', '--'), ['--install', '--verbose', '--help'])
  t.same(await offered('mezctl', 'plug'), ['plugins'], 'once, though it is a command and a topic')
  const helped = await offered('mezctl', 'help', '')
  for (const word of ['apps', 'plugins', 'status']) t.ok(helped.includes(word), word)
  t.same(await offered('mezctl', 'help', 'apps', 'l'), ['ls', 'list'])
})

t.test('completions are described without placeholders', async (t) => {
  for (const shell of ['zsh', 'fish']) {
    const { out } = await runMezctl(['completion', shell], {})
    t.match(out, 'Installs a plugin into mezctl.', shell)
    t.notMatch(out, '<%=', shell)
  }
})

/** A package with the commands `hello` and `fail`, and one that cannot be loaded; both as an author has them. */
function commandPackage(folder: string): string {
  const commands = { strategy: 'pattern', target: './commands' }
  const manifest = { name: 'mezite-plugin-hello', version: '1.2.3', type: 'module', oclif: { commands } }
  mkdirSync(join(folder, 'commands'), { recursive: true })
  mkdirSync(join(folder, 'node_modules/@mezite'), { recursive: true })
  symlinkSync(join(import.meta.dirname, '../../oclif-cli/shared'), join(folder, 'node_modules/@mezite/cli'))
  writeFileSync(join(folder, 'package.json'), JSON.stringify(manifest))
  const write = (name: string, text: string) => writeFileSync(join(folder, `commands/${name}.js`), text)
  const imports = "import { BaseCommand, CliError } from '@mezite/cli'\n"
  write(
    'hello',
    `${imports}export default class Hello extends BaseCommand {
  static summary = 'Say hello'
  async run() {
    const { flags } = await this.parse(Hello)
    await this.show(flags, { hello: 'world' }, () => 'Hello, world.')
  }
}`,
  )
  write(
    'fail',
    `${imports}export default class Fail extends BaseCommand {
  async run() { throw new CliError('MEZ_HUB_TIMEOUT', 'the hub sleeps', { hint: 'Wake it.' }) }
}`,
  )
  write('broken', "import 'a-package-that-is-missing'")
  return folder
}

for (const [name, program] of [
  ['mezctl', undefined],
  ['msh', MSH],
] as const) {
  t.test(`${name} installs commands from a folder, completes them, and survives a broken one`, async (t) => {
    const home = t.testdir()
    const env = { XDG_DATA_HOME: home, XDG_CONFIG_HOME: home, XDG_CACHE_HOME: home }
    const cli = (...args: string[]) => runMezctl(args, env, '', program)
    const folder = commandPackage(join(home, 'hello'))
    t.match(await cli('plugins', 'install', folder, '--no-install'), { code: 0 })
    t.match(await cli('plugins', 'list'), { code: 0, out: /mezite-plugin-hello 1\.2\.3/ })
    t.match(await cli('hello', '--json'), { code: 0, out: '{\n  "hello": "world"\n}\n' })
    const failed = { code: 1, err: 'error: the hub sleeps (MEZ_HUB_TIMEOUT)\nWake it.\n' }
    t.match(await cli('fail'), failed, 'in the style of the built-in commands')
    t.match(await cli('broken'), { code: 2 })
    t.match(await cli('status', '--help'), { code: 0 }, 'a built-in command does not load it')
    const { out } = await cli('completion', 'fish')
    t.match(out, /hello.*Say hello/)
    t.match(await cli('plugins', 'uninstall', 'mezite-plugin-hello'), { code: 0 })
    t.match(await cli('hello'), { code: 2, err: /unknown command "hello"/ })
  })
}

t.test('a bundled plugin that is absent or broken takes its own commands along, and no others', async (t) => {
  const repository = join(import.meta.dirname, '../..')
  // Outside of the repository, whose packages would be found from within.
  const folder = mkdtempSync(join(tmpdir(), 'mezite-bundled-'))
  t.teardown(() => rmSync(folder, { recursive: true }))
  const packages = join(folder, 'node_modules')
  mkdirSync(join(packages, '@mezite/plugin-rbac'), { recursive: true })
  for (const scope of ['', '@mezite'])
    for (const name of readdirSync(join(repository, 'node_modules', scope)))
      if (!/^(\.|@mezite$|mezctl$|plugin-(oidc|rbac)$)/.test(name))
        symlinkSync(join(repository, 'node_modules', scope, name), join(packages, scope, name))
  const commands = { strategy: 'explicit', target: './commands.js', identifier: 'COMMANDS' }
  const broken = { name: '@mezite/plugin-rbac', type: 'module', oclif: { commands } }
  writeFileSync(join(packages, '@mezite/plugin-rbac/package.json'), JSON.stringify(broken))
  writeFileSync(join(packages, '@mezite/plugin-rbac/commands.js'), "import 'a-package-that-is-missing'")
  cpSync(join(repository, 'oclif-cli/mezctl'), join(folder, 'mezctl'), { recursive: true })
  const mezctl = (...args: string[]) => runMezctl(args, {}, '', join(folder, 'mezctl/mezctl.js'))

  const absent =
    /^error: unknown command "sso(?: ls)?": @mezite\/plugin-oidc is not installed \(MEZ_USAGE_WRONG\)\n.+\n$/
  t.match(await mezctl('sso', 'list'), { code: 2, out: '', err: absent })
  t.match(await mezctl('help', 'sso'), { code: 2, err: /MEZ_USAGE_WRONG/ })
  const failed =
    /^error: @mezite\/plugin-rbac cannot be loaded: .*a-package-that-is-missing.* \(MEZ_COMMAND_FAILED\)/
  t.match(await mezctl('roles', 'ls'), { code: 1, out: '', err: failed })
  t.match(await mezctl('audit', 'ls', '--help'), { code: 0, err: '' })

  const { code, out, err } = await mezctl('--help')
  t.equal(code, 0)
  t.match(err, /^warning: @mezite\/plugin-rbac cannot be loaded: .+\n$/)
  t.match(out, /^ {2}audit /m)
  t.notMatch(out, /^ {2}(sso|roles) /m)
  const completed = await mezctl('completion', 'bash')
  t.match(completed, { code: 0, out: /audit verify/ })
  t.notMatch(completed.out, /sso create|roles create/)
})
