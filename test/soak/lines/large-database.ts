import { spawn } from 'node:child_process'
import { readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { stringify } from 'yaml'
import { createTestHub, freePort, startPostgres, type TestPostgres } from '../../../core/testing/index.ts'
import { cpuMicroseconds, processTree } from '../../bench/processes.ts'
import { fillCluster } from '../large-cluster.ts'
import type { Outcome, SoakFigure, SoakRun } from '../line.ts'

const EVENTS_A_MINUTE = 1_000_000
const PEOPLE_A_MINUTE = 10_000
/** A hub that has stopped counts as running for this long. */
const STOPPED_MS = 11_000
const LOOK_MS = 250
const PROGRAM = fileURLToPath(new URL('../../../core/mezhub.js', import.meta.url))
/** An embedded database of its own is part of what the program takes. */
const MOST_MB = 800

export const largeDatabase = {
  name: 'large-database',
  summary:
    'a cluster of 1,000,000 audit events and 10,000 people for each of --minutes is moved, backed up and restored',
  async run({ dir, options, signal, teardown }: SoakRun): Promise<Outcome> {
    const size = { people: options.minutes * PEOPLE_A_MINUTE, events: options.minutes * EVENTS_A_MINUTE }
    const postgres = await startPostgres()
    teardown(() => postgres.close())
    const port = await freePort()
    const settings = (database: object, folder = 'hub') => ({
      data_dir: join(dir, folder),
      database,
      proxy: { listen_addr: `127.0.0.1:${port}`, public_addr: `hub.mezite.localhost:${port}` },
    })
    const file = (database: object, folder?: string): string => {
      const path = join(dir, 'mezhub.yaml')
      writeFileSync(path, stringify(settings(database, folder)), { mode: 0o600 })
      return path
    }
    const url = await postgres.createDatabase()
    const first = { driver: 'postgres', url }
    await (await createTestHub({ config: settings(first) })).stop()
    const figures: SoakFigure[] = []
    const filled = performance.now()
    await fillCluster(postgres, url, size, signal, options.progress)
    figures.push(figure('filling: minutes', (performance.now() - filled) / 60_000, ''))
    // Signs the chain when it stops.
    await (await createTestHub({ config: settings(first) })).stop()
    await new Promise((resolve) => setTimeout(resolve, STOPPED_MS))

    const step = async (name: string, expected: RegExp, ...args: string[]): Promise<string> => {
      signal.throwIfAborted()
      options.progress(`  ${name}`)
      const { output, minutes, cpuMinutes, programMb, serverMb } = await measure(args, postgres, signal)
      const [rows = ''] = /[\d,]+(?= rows)/.exec(output) ?? []
      options.progress(
        `  ${name}: ${minutes.toFixed(1)} min (${cpuMinutes.toFixed(1)} of processor time), ${programMb.toFixed(0)} MB; ${output.trim().split('\n')[0]}`,
      )
      if (!expected.test(output)) throw new Error(`${name} printed: ${output}`)
      figures.push(
        figure(`${name}: minutes`, minutes, ''),
        figure(`${name}: minutes of processor time of the program`, cpuMinutes, ''),
        {
          ...figure(`${name}: most memory of the program`, programMb, 'MB'),
          limit: { kind: 'most', value: MOST_MB },
        },
        figure(`${name}: most private memory of the server`, serverMb, 'MB'),
      )
      if (rows !== '') figures.push(figure(`${name}: rows`, Number(rows.replaceAll(',', '')), ''))
      return output
    }
    const verified = /Verified the audit trail/
    const keyFile = join(dir, 'backup.key')
    const backup = join(dir, 'mezite.backup')
    const key = await step('backup key', /age1/, 'backup', 'key', keyFile, '--config', file(first))
    const recipient = /age1\w+/.exec(key)![0]
    await step('backup', /Wrote/, 'backup', backup, '--config', file(first), '--recipient', recipient)
    figures.push(figure('size of the backup', statSync(backup).size / 1e6, 'MB'))
    await step('backup verify', /is complete/, 'backup', 'verify', backup, '--key-file', keyFile)
    const restored = { driver: 'postgres', url: await postgres.createDatabase() }
    const elsewhere = file(restored, 'restored')
    await step('restore', verified, 'restore', backup, '--config', elsewhere, '--key-file', keyFile)
    await step('move to embedded', verified, 'database', 'move', '--config', file(first), '--to', 'embedded')
    const third = await postgres.createDatabase()
    const embedded = file({ driver: 'embedded' })
    await step('move to PostgreSQL', verified, 'database', 'move', '--config', embedded, '--to', third)
    return { growths: [], figures }
  },
}

const figure = (what: string, value: number, unit: string): SoakFigure => ({ what, value, unit, limit: null })

interface Measured {
  readonly output: string
  readonly minutes: number
  /** Processor time of the program, without that of the server. */
  readonly cpuMinutes: number
  /** The most resident memory of the program and its child processes together. */
  readonly programMb: number
  /** The most private memory of all processes of PostgreSQL together. */
  readonly serverMb: number
}

/** Runs `mezhub` with these arguments. Rejects unless it succeeds. */
async function measure(
  args: readonly string[],
  postgres: TestPostgres,
  signal: AbortSignal,
): Promise<Measured> {
  const began = performance.now()
  const flags = ['--conditions=mezite-source', '--disable-warning=ExperimentalWarning']
  const child = spawn(process.execPath, [...flags, PROGRAM, ...args], { signal, stdio: 'pipe' })
  let [output, cpuMinutes, programMb, serverMb] = ['', 0, 0, 0]
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (text) => (output += text))
  const look = async () => {
    cpuMinutes = Math.max(cpuMinutes, cpuMicroseconds(child.pid!) / 60e6)
    programMb = Math.max(programMb, memoryMb(processTree(child.pid!), 'VmRSS'))
    serverMb = Math.max(serverMb, memoryMb(await postgres.pids(), 'RssAnon'))
  }
  // The processes of a server that is looked at may have ended.
  const timer = setInterval(() => void look().catch(() => {}), LOOK_MS)
  try {
    const code = await new Promise((resolve, reject) => {
      child.once('error', reject)
      child.once('close', resolve)
    })
    if (code !== 0) throw new Error(`mezhub ${args.join(' ')} ended with ${code}: ${output}`)
  } finally {
    clearInterval(timer)
  }
  return { output, minutes: (performance.now() - began) / 60_000, cpuMinutes, programMb, serverMb }
}

function memoryMb(pids: readonly number[], field: 'VmRSS' | 'RssAnon'): number {
  let kb = 0
  for (const pid of pids) {
    try {
      // A process that has ended has no such line.
      const status = readFileSync(`/proc/${pid}/status`, 'latin1')
      kb += Number(new RegExp(`^${field}:\\s+(\\d+)`, 'm').exec(status)?.[1] ?? 0)
    } catch {}
  }
  return kb / 1_024
}
