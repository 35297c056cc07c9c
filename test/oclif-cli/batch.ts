/** A program that runs command lines of mezctl one after the other in one process: its start takes most of the time. */
import { format } from 'node:util'
import { runMezctl } from '../../oclif-cli/mezctl/program.ts'
import type { Finished } from './run-program.ts'

const manifest = new URL('../../oclif-cli/mezctl/package.json', import.meta.url)
const stdout = process.stdout.write.bind(process.stdout)
const finished: Finished[] = []
// As in a terminal of this width.
if (process.env.BATCH_COLUMNS)
  Object.assign(process.stdout, { isTTY: true, columns: Number(process.env.BATCH_COLUMNS) })
// As for a person who can be asked, and whose answers are on standard input.
if (process.env.BATCH_TERMINAL)
  for (const end of [process.stdin, process.stderr]) Object.assign(end, { isTTY: true })
for (const argv of JSON.parse(process.argv[2]!) as string[][]) {
  const texts = { out: '', err: '' }
  const writeTo = (name: 'out' | 'err') => (chunk: string | Uint8Array) => {
    texts[name] += typeof chunk === 'string' ? chunk : Buffer.from(chunk).toString()
    return true
  }
  process.stdout.write = writeTo('out') as typeof process.stdout.write
  process.stderr.write = writeTo('err') as typeof process.stderr.write
  console.log = (...args) => void process.stdout.write(`${format(...args)}\n`)
  process.exitCode = 0
  await runMezctl(argv, manifest)
  finished.push({ code: Number(process.exitCode), ...texts })
}
process.exitCode = 0
stdout(JSON.stringify(finished))
