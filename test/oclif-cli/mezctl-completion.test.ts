import { execFile } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import t from 'tap'
import { runMezctl } from './run-program.ts'

const run = promisify(execFile)
const script = join(t.testdir(), 'mezctl.bash')

t.test('completion offers what plugins and help take', async (t) => {
  const { code, out } = await runMezctl(['completion', 'bash'], {})
  t.equal(code, 0)
  writeFileSync(script, out)
  const offered = async (...words: string[]) => {
    const list = words.map((word) => `'${word}'`).join(' ')
    const asked = `source ${script}; COMP_WORDS=(${list}); COMP_CWORD=${words.length - 1}; _mezctl; echo "\${COMPREPLY[*]}"`
    const { stdout } = await run('bash', ['--norc', '-c', asked], { timeout: 30_000 })
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

t.test('what is offered is described without placeholders', async (t) => {
  for (const shell of ['zsh', 'fish']) {
    const { out } = await runMezctl(['completion', shell], {})
    t.match(out, 'Installs a plugin into mezctl.', shell)
    t.notMatch(out, '<%=', shell)
  }
})
