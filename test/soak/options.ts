import { parseArgs } from 'node:util'

export interface SoakOptions {
  /** How long the mixed traffic runs; lines that have a length of their own say so. */
  readonly minutes: number
  /** Whether `minutes` was asked for: some lines have a length of their own. */
  readonly minutesGiven: boolean
  /** Requests a minute of the large installation, and with them its size. */
  readonly requests: number
  /** Where the random choices of the line escalations begin; null: anywhere. */
  readonly seed: number | null
  /** Lines to run, in the order of the list. */
  readonly only: readonly string[]
  /** Where the results go as JSON. */
  readonly json: string | null
  readonly progress: (text: string) => void
}

/** The command line. Throws with a plain message when it is wrong; `null` when help is asked for. */
export function parseOptions(argv: readonly string[], lines: readonly string[]): SoakOptions | null {
  const { values } = parseArgs({
    args: [...argv],
    options: {
      minutes: { type: 'string' },
      requests: { type: 'string', default: '100000' },
      seed: { type: 'string' },
      only: { type: 'string', multiple: true, default: [] },
      all: { type: 'boolean', default: false },
      json: { type: 'string' },
      help: { type: 'boolean', short: 'h', default: false },
    },
  })
  if (values.help) return null
  const minutes = Number(values.minutes ?? 10)
  if (!(minutes >= 1 && minutes <= 24 * 60)) throw new Error('--minutes takes a number from 1 to 1440')
  const requests = Number(values.requests)
  if (!(Number.isInteger(requests) && requests >= 1_000 && requests <= 10_000_000))
    throw new Error('--requests takes a whole number from 1000 to 10000000')
  const seed = values.seed === undefined ? null : Number(values.seed)
  if (seed !== null && !(Number.isInteger(seed) && seed >= 0 && seed < 2 ** 31))
    throw new Error('--seed takes a whole number below 2147483648')
  const unknown = values.only.find((name) => !lines.includes(name))
  if (unknown !== undefined) throw new Error(`no line is called ${unknown}; there are ${lines.join(', ')}`)
  const chosen = values.only.length > 0 ? values.only : lines.slice(0, 1)
  return {
    minutes,
    minutesGiven: values.minutes !== undefined,
    requests,
    seed,
    only: values.all ? lines : chosen,
    json: values.json ?? null,
    progress: (text) => void process.stderr.write(`${new Date().toISOString().slice(11, 19)} ${text}\n`),
  }
}

/** What `--help` prints. */
export function helpText(lines: readonly { readonly name: string; readonly summary: string }[]): string {
  const width = Math.max(...lines.map(({ name }) => name.length))
  return `Runs the real programs under load while parts of them fail, and says what grew.

  npm run soak -- [--minutes N] [--only LINE]... [--all] [--requests N] [--seed N]
                      [--json FILE]

  --minutes N   length of the mixed traffic (default 10)
  --only LINE   run this line; may be repeated (default: ${lines[0]?.name})
  --all         run every line
  --requests N  requests a minute of the line large-installation, and with them its people, apps and
                agents (default 100000: 10,000 people, 1,000 apps, 500 agents)
  --seed N      begin the line escalations with this seed, to make what it found once more
  --json FILE   also write the results there

Lines:
${lines.map(({ name, summary }) => `  ${name.padEnd(width)}  ${summary}`).join('\n')}

Exit code 0: nothing grew and every limit held; 1: something did not; 2: wrong usage.
`
}
