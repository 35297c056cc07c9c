/** `npm run bench`: what the data path costs, against other ways to the same application. `--help` has the rows. */
import { writeFileSync } from 'node:fs'
import { cpus } from 'node:os'
import { BenchMachine } from './bench-machine.ts'
import { hasOwnNetwork, networkUnavailable, prepareNetwork, runInOwnNetwork } from './network-path.ts'
import { type BenchOptions, helpText, parseOptions } from './options.ts'
import type { Figure } from './row.ts'
import { rows } from './rows.ts'
import { table } from './table.ts'

async function bench(options: BenchOptions): Promise<number> {
  const notes = new Set<string>()
  if (hasOwnNetwork()) prepareNetwork()
  if (options.profile !== null) {
    process.env.NODE_OPTIONS = `--cpu-prof --cpu-prof-dir=${options.profile}`
  }
  let current = ''
  const machine = new BenchMachine(options, (text) => notes.add(`${current}: ${text}`))
  const interrupted = Promise.withResolvers<never>()
  interrupted.promise.catch(() => {})
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(signal, () => interrupted.reject(new Error(`stopped by ${signal}`)))
  }
  const figures: Figure[] = []
  let stopped = false
  try {
    for (const row of rows) {
      if (stopped || (options.only.length > 0 && !options.only.includes(row.name))) continue
      current = row.name
      machine.note(row.compares)
      options.progress(`${row.name}: ${row.summary}`)
      const begun = performance.now()
      try {
        figures.push(...(await Promise.race([row.run(machine), interrupted.promise])))
      } catch (error) {
        notes.add(`${row.name}: ${(error as Error).message}`)
        stopped = (error as Error).message.startsWith('stopped by')
      }
      options.progress(`  took ${((performance.now() - begun) / 1000).toFixed(0)} s`)
    }
  } finally {
    await machine.stop()
  }
  process.stdout.write(`${table(figures)}\n`)
  for (const note of notes) process.stdout.write(`Note: ${note}\n`)
  if (options.json !== null) writeFileSync(options.json, json(options, figures, [...notes]))
  return stopped ? 130 : 0
}

function json(
  { rounds, seconds }: BenchOptions,
  figures: readonly Figure[],
  notes: readonly string[],
): string {
  const machine = { cpus: cpus().length, model: cpus()[0]?.model ?? '', node: process.version }
  return `${JSON.stringify({ date: new Date(), machine, rounds, seconds, figures, notes }, null, 2)}\n`
}

try {
  const names = rows.map(({ name }) => name)
  const options = parseOptions(process.argv.slice(2), names)
  if (options === null) process.stdout.write(helpText(rows))
  else if (hasOwnNetwork() || networkUnavailable() !== null) process.exit(await bench(options))
  else process.exit(await runInOwnNetwork())
} catch (error) {
  process.stderr.write(`${(error as Error).message}\n`)
  process.exitCode = 2
}
