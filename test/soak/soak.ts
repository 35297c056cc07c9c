/** `npm run soak`: what minutes of traffic and failures leave behind. `--help` has the lines. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { holds, type Line, type Outcome } from './line.ts'
import { lines } from './lines.ts'
import { helpText, parseOptions, type SoakOptions } from './options.ts'
import { outcomeTable } from './table.ts'

async function soak(options: SoakOptions): Promise<number> {
  const stopping = new AbortController()
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(signal, () => stopping.abort(new Error(`stopped by ${signal}`)))
  }
  const found: Record<string, Outcome | { error: string }> = {}
  let failed = false
  for (const line of lines.filter(({ name }) => options.only.includes(name))) {
    if (stopping.signal.aborted) break
    options.progress(`${line.name}: ${line.summary}`)
    try {
      const outcome = await runLine(line, options, stopping.signal)
      found[line.name] = outcome
      failed ||= outcome.growths.some(({ verdict }) => verdict === 'growing')
      failed ||= !outcome.figures.every(holds)
      process.stdout.write(`\n${line.name}\n\n${outcomeTable(outcome)}\n`)
    } catch (error) {
      failed = true
      found[line.name] = { error: (error as Error).message }
      process.stdout.write(`\n${line.name}: FAILED: ${(error as Error).stack}\n`)
    }
  }
  if (options.json !== null) {
    writeFileSync(options.json, `${JSON.stringify({ date: new Date(), found }, null, 2)}\n`)
  }
  return stopping.signal.aborted ? 130 : failed ? 1 : 0
}

async function runLine(line: Line, options: SoakOptions, signal: AbortSignal): Promise<Outcome> {
  const dir = mkdtempSync(join(tmpdir(), 'soak-'))
  const closers: (() => unknown)[] = [() => rmSync(dir, { recursive: true, force: true })]
  try {
    const minutes = options.minutesGiven ? options.minutes : (line.minutes ?? options.minutes)
    return await line.run({
      options: { ...options, minutes },
      dir,
      signal,
      teardown: (close) => void closers.push(close),
    })
  } finally {
    for (const close of closers.reverse()) await close()
  }
}

try {
  const options = parseOptions(
    process.argv.slice(2),
    lines.map(({ name }) => name),
  )
  if (options === null) process.stdout.write(helpText(lines))
  else process.exit(await soak(options))
} catch (error) {
  process.stderr.write(`${(error as Error).message}\n`)
  process.exitCode = 2
}
