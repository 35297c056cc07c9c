import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, mkdirSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import { readPrivateFile, writePrivateFile } from '../../oclif-cli/shared/private-file.ts'
import { until } from '../until.ts'

const dir = mkdtempSync(join(tmpdir(), 'mezite-private-'))
t.teardown(() => rmSync(dir, { recursive: true, force: true }))

const WRITER = `
import { writePrivateFile } from ${JSON.stringify(fileURLToPath(new URL('../../oclif-cli/shared/private-file.ts', import.meta.url)))}
const texts = ['a', 'b'].map((letter) => letter.repeat(3_000_000))
for (let round = 0; ; round += 1) writePrivateFile(process.argv[1], texts[round % 2])
`

const READ_MS = 60_000

t.test(
  'I125 a reader finds the old text or the new one, whole, even when the writer is killed',
  async (t) => {
    const file = join(dir, 'credentials.json')
    for (let kill = 0; kill < 3; kill += 1) {
      const writer = spawn(process.execPath, ['--input-type=module', '-e', WRITER, file], { stdio: 'ignore' })
      t.teardown(() => writer.kill('SIGKILL'))
      const ended = once(writer, 'exit')
      await until(() => readPrivateFile(file) !== null, 'the writer has begun')
      // Without pauses, in which the writer would only take processor time.
      const deadline = performance.now() + READ_MS
      let last = ''
      for (let rounds = 0, changes = 0; rounds < 60 || changes < 20; rounds += 1) {
        if (performance.now() > deadline) throw new Error('it was not read in the midst of writing')
        const text = readPrivateFile(file) ?? ''
        const letter = text[0] ?? ''
        if (text !== letter.repeat(3_000_000)) t.fail(`${text.length} bytes of a text`)
        if (letter !== last) changes += 1
        last = letter
      }
      writer.kill('SIGKILL')
      await ended
      t.match(readPrivateFile(file), /^(a{3000000}|b{3000000})$/)
      t.equal(statSync(file).mode & 0o777, 0o600)
    }
  },
)

t.test('I125 a file that others can access is refused, and an irreplaceable one is kept', async (t) => {
  const file = join(dir, 'kept')
  writePrivateFile(file, 'old')
  for (const mode of [0o640, 0o604, 0o620, 0o602, 0o610]) {
    chmodSync(file, mode)
    t.throws(() => readPrivateFile(file), { code: 'MEZ_CREDENTIALS_UNSAFE' }, mode.toString(8))
  }
  chmodSync(file, 0o600)
  writePrivateFile(file, 'new')
  t.equal(readPrivateFile(file), 'new')
  mkdirSync(join(dir, 'taken'))
  writeFileSync(join(dir, 'taken', 'inside'), '')
  t.throws(() => writePrivateFile(join(dir, 'taken'), 'text'), { code: 'MEZ_FILE_UNWRITABLE' })
  t.strictSame(
    readdirSync(dir).filter((name) => name.startsWith('taken.')),
    [],
    'no draft is left behind',
  )
  t.equal(readPrivateFile(join(dir, 'missing')), null)
})
