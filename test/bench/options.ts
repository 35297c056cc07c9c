import { readFileSync } from 'node:fs'
import { parseArgs } from 'node:util'

/** The file with the commit at which a request cost least, measured beside the one that it had before. */
export const bestCommit = (): string =>
  (JSON.parse(readFileSync(new URL('best.json', import.meta.url), 'utf8')) as { commit: string }).commit

export interface BenchOptions {
  /** Rounds that count; one more is run first and dropped. */
  readonly rounds: number
  /** How long each target is measured in each round. */
  readonly seconds: number
  /** Audit events of the rows `searches` and `pruning`. */
  readonly events: number
  /** Rows to run; all when empty. */
  readonly only: readonly string[]
  /** Where the figures go as JSON. */
  readonly json: string | null
  /** Folder for processor profiles of the hub and the agent. */
  readonly profile: string | null
  /** A commit whose hub and agent are measured in the same rounds, such as the one of `bestCommit`. */
  readonly against: string | null
  readonly progress: (text: string) => void
}

/** The command line. Throws with a plain message when it is wrong; `null` when help is asked for. */
export function parseOptions(argv: readonly string[], rows: readonly string[]): BenchOptions | null {
  const { values } = parseArgs({
    args: [...argv],
    options: {
      rounds: { type: 'string', default: '5' },
      seconds: { type: 'string', default: '2' },
      events: { type: 'string', default: '1000000' },
      only: { type: 'string', multiple: true, default: [] },
      json: { type: 'string' },
      profile: { type: 'string' },
      against: { type: 'string' },
      help: { type: 'boolean', short: 'h', default: false },
    },
  })
  if (values.help) return null
  const rounds = Number(values.rounds)
  const seconds = Number(values.seconds)
  if (!Number.isInteger(rounds) || rounds < 3) throw new Error('--rounds takes a whole number of at least 3')
  if (!(seconds > 0 && seconds <= 600)) throw new Error('--seconds takes a number above 0, at most 600')
  const events = Number(values.events)
  if (!(Number.isInteger(events) && events >= 100_000 && events <= 1_000_000_000))
    throw new Error('--events takes a whole number from 100000 to 1000000000')
  const unknown = values.only.find((name) => !rows.includes(name))
  if (unknown !== undefined) throw new Error(`no row is called ${unknown}; there are ${rows.join(', ')}`)
  return {
    ...{
      rounds,
      seconds,
      events,
      only: values.only,
      json: values.json ?? null,
      profile: values.profile ?? null,
    },
    against: values.against === 'BEST' ? bestCommit() : (values.against ?? null),
    progress: (text) => void process.stderr.write(`${text}\n`),
  }
}

/** What `--help` prints. */
export function helpText(rows: readonly { readonly name: string; readonly summary: string }[]): string {
  const width = Math.max(...rows.map(({ name }) => name.length))
  return `Measures the real programs on loopback against other ways to the same application.

  npm run bench -- [--only ROW]... [--rounds N] [--seconds S] [--against COMMIT|BEST] [--json FILE] [--profile DIR]

  --only ROW     run this row; may be repeated (default: all)
  --rounds N     valid rounds, at least 3 (default 5). One more comes first and is dropped. If other programs ran, or a
                 fixed piece of work took a tenth longer than usual, a target is measured again, up to 4 times, and
                 then its round is dropped
  --seconds S    how long each target is measured in each round (default 2)
  --events N     audit events that the rows searches and pruning fill a trail with (default 1000000)
  --against COMMIT
                 measure hub and agent of this commit in the same rounds (rows requests, browser-requests, latency, http2,
                 download, upload); it runs with the installed packages. BEST: the commit of test/bench/best.json,
                 at which a request cost least. Write another one there when it costs less in the same rounds
  --json FILE    also write the figures there
  --profile DIR  write processor profiles of the programs there when they end (.cpuprofile)

Rows:
${rows.map(({ name, summary }) => `  ${name.padEnd(width)}  ${summary}`).join('\n')}

Each line of the table has the median and the range of its rounds. Only ratios that were taken in one run mean anything, on a machine that does nothing else.
`
}
