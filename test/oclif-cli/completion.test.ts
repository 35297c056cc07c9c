// needs: zsh, fish
// together: mezctl
/** Completion scripts in the shells that they are for. */
import { execFile } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import t from 'tap'
import { MEZCTL, MSH, runMezctl } from './run-program.ts'

const run = promisify(execFile)
const dir = mkdtempSync(join(tmpdir(), 'mez-completion-'))
t.teardown(() => rmSync(dir, { recursive: true, force: true }))

/** The script of a program for a shell, in a file. */
async function script(shell: string, program: string): Promise<string> {
  const { code, out, err } = await runMezctl(['completion', shell], {}, '', program)
  if (code !== 0) throw new Error(err)
  const file = join(dir, `${shell}-${program === MSH ? 'msh' : 'mezctl'}`)
  writeFileSync(file, out)
  return file
}

t.test('bash completes commands, flags and values', async (t) => {
  const [mezctl, msh] = await Promise.all([script('bash', MEZCTL), script('bash', MSH)])
  const { commands } = await import('../../oclif-cli/mezctl/program.ts')
  const asked: [string, string[], RegExp][] = [
    [mezctl, ['mezctl', 'ap'], /^apps api-tokens app-proposals app-sources$/],
    [mezctl, ['mezctl', 'apps', 'l'], /^ls list$/],
    [mezctl, ['mezctl', 'apps', 'list', '--format', ''], /^text json yaml$/],
    // As bash splits `--phase=s`.
    [mezctl, ['mezctl', 'auth', 'rotate', '--phase', '=', 's'], /^start switch$/],
    [mezctl, ['mezctl', 'auth', 'rotate', '--type', 'agent-ca', '--f'], /^--force --format$/],
    [mezctl, ['mezctl', 'completion', ''], /^bash zsh fish/],
    [mezctl, ['mezctl', 'status', '--pl'], /^--plugins$/],
    [msh, ['msh', 'app', ''], /^ls list login run$/],
    [msh, ['msh', 'log'], /^login logout$/],
    ...Object.keys(commands).map((id): [string, string[], RegExp] => [
      mezctl,
      ['mezctl', ...id.split(' ')],
      new RegExp(`(^| )${id.split(' ').at(-1)}( |$)`),
    ]),
  ]
  const tries = asked.map(([file, words]) => {
    const list = words.map((word) => `'${word}'`).join(' ')
    return `source ${file}; COMP_WORDS=(${list}); COMP_CWORD=${words.length - 1}; _${words[0]}; echo "\${COMPREPLY[*]}"`
  })
  const { stdout } = await run('bash', ['--norc', '-c', tries.join('\n')])
  const lines = stdout.split('\n')
  for (const [at, [, words, expected]] of asked.entries()) t.match(lines[at], expected, words.join(' '))
})

t.test('fish completes commands, flags and values', async (t) => {
  const [mezctl, msh] = await Promise.all([script('fish', MEZCTL), script('fish', MSH)])
  const complete = async (file: string, line: string) =>
    (await run('fish', ['--no-config', '-c', `source ${file}; complete -C '${line}'`])).stdout
  t.match(await complete(mezctl, 'mezctl ap'), /api-tokens\tCredentials for programs\napps\t/)
  t.match(await complete(mezctl, 'mezctl auth rotate --phase s'), /^start\t[\s\S]*^switch\t/m)
  t.match(await complete(msh, 'msh app l'), /login\t/)
})

t.test('zsh completes commands, flags and values', async (t) => {
  const [mezctl, msh] = await Promise.all([script('zsh', MEZCTL), script('zsh', MSH)])
  // What zsh offers for these words, printed instead of being shown below a prompt.
  const offers = `
    compdef() { : }; compset() { : }; _files() { print files }
    compadd() { shift; print -r -- "$*" }
    _describe() { print -r -- "\${(j: :)\${(@)found%%:*}}" }
    source ${mezctl}; source ${msh}
    try() { words=("$@"); CURRENT=$#words; _\${words[1]} }
    try mezctl ap; try mezctl apps ''; try mezctl auth rotate --phase s
    try mezctl apps register --from-file x; try msh app l`
  const { stdout } = await run('zsh', ['-f', '-c', offers])
  const lines = stdout.split('\n')
  t.match(lines[0], /(^| )apps .*api-tokens( |$)/)
  t.match(lines[1], /^register .*add-agent/)
  t.equal(lines[2], 'start switch finish rollback')
  t.equal(lines[3], 'files')
  t.match(lines[4], /(^| )login( |$)/)
})

t.test('an unknown shell is wrong usage', async (t) => {
  t.match(await runMezctl(['completion', 'csh'], {}), {
    code: 2,
    out: '',
    err: /"csh" is not valid.*bash, zsh, fish \(MEZ_USAGE_WRONG\)/,
  })
})
