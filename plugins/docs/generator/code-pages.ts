import { errorCodes } from '../../../core/kernel/error-codes.ts'
import { textOf } from '../../../oclif-cli/packaging/sources.ts'
import { curedCodes, cureOf } from './reason-cures.ts'
import { programSources, sorted, type Use, usesOf } from './source-texts.ts'

const MOST_TEXTS = 6
const HEAD = '<!-- Written by `npm run docs`. -->\n\n'

/** Sentences of the sources that are printed with a code. */
const textsOf = (uses: readonly Use[]): string[] =>
  sorted(uses.flatMap(({ text }) => (text !== null && / /.test(text) ? [text] : []))).slice(0, MOST_TEXTS)

/** Every error code, with the messages that it comes with and the next step. */
export function errorCodePage(): string {
  const uses = usesOf(/'(?<code>MEZ_[A-Z_]+)'/g)
  const sections = Object.entries(errorCodes).map(([code, next]) => {
    const texts = textsOf(uses.filter((use) => use.code === code && !use.file.endsWith('error-codes.ts')))
    return [
      `## ${code}`,
      ...(texts.length === 0 ? [] : ['Printed as:', texts.map((text) => `- ${codeSpan(text)}`).join('\n')]),
      `**Next step:** ${next}`,
    ].join('\n\n')
  })
  return `${HEAD}# Error codes

Hub, agent and command lines print an error as \`error: WHAT (CODE)\`, with the next step on the line after it. A code stands
for one problem and never changes its meaning. In the messages below, \`…\` is a name or a value. \`mezctl help CODE\` prints
the section of a code.

${sections.join('\n\n')}
`
}

const SNAKE = '[a-z][a-z0-9]*(?:_[a-z0-9]+)*'
/** Where a reason code is in the sources. */
const PLACES = [
  new RegExp(
    `new (?:Problem|SignInFailure|AccessDenied)\\(\\s*(?<status>\\d{3}|[\\w.]+),\\s*'(?<code>${SNAKE})'`,
    'g',
  ),
  new RegExp(`new DialError\\(\\s*'MEZ_[A-Z_]+',\\s*'(?<code>${SNAKE})'`, 'g'),
  new RegExp(`vote\\.deny\\(\\s*'(?<code>${SNAKE})'`, 'g'),
  new RegExp(`\\b(?:reason|code): '(?<code>${SNAKE})'`, 'g'),
  new RegExp(
    `\\b(?:denied|refuse|refused|failed|ended|reject|fail)\\(\\s*(?:(?<status>\\d{3}),\\s*)?'(?<code>${SNAKE})'`,
    'g',
  ),
  new RegExp(`\\[(?:(?<status>\\d{3}),\\s*)?'(?<code>${SNAKE}_${SNAKE})',\\s*['\`"][A-Z]`, 'g'),
]
/** Keys of records whose values explain the code, and members of a type. */
const TABLES: readonly [file: string, pattern: RegExp][] = [
  ['agent/refusals.ts', new RegExp(`^ {2}(?<code>${SNAKE}):(?<text>\\s*'[^']*'|\\s*"[^"]*")`, 'gm')],
  ['core/api/sessions.ts', new RegExp(`^ {2}\\| '(?<code>${SNAKE})'`, 'gm')],
  ['core/web/pages/texts/en.ts', new RegExp(`^ {6}(?<code>${SNAKE}):(?<text>\\s*'[^']*')`, 'gm')],
]

/** Every reason code of responses and audit records. */
export function reasonCodes(): ReadonlyMap<string, readonly Use[]> {
  const uses = [
    ...PLACES.flatMap(usesOf),
    ...TABLES.flatMap(([file, pattern]) =>
      [...textOf(file).matchAll(pattern)].map(({ groups }) => ({
        ...{ code: groups!.code!, status: null, file },
        text: groups!.text?.trim().slice(1, -1) ?? null,
      })),
    ),
  ]
  // Codes that are put together from tables in more places than the patterns know.
  const words = new Set(
    programSources().flatMap((file) => textOf(file).match(/\b[a-z]+(?:_[a-z0-9]+)+\b/g) ?? []),
  )
  for (const code of curedCodes) if (words.has(code)) uses.push({ code, text: null, status: null, file: '' })
  const found = Map.groupBy(uses, ({ code }) => code)
  return new Map(sorted(found.keys()).map((code) => [code, found.get(code)!]))
}

/** Every reason code, with the sentences that people see and the next step. */
export function reasonCodePage(): string {
  const sections = [...reasonCodes()].map(([code, uses]) => {
    const texts = textsOf(uses)
    const statuses = sorted(uses.flatMap(({ status }) => (/^\d{3}$/.test(status ?? '') ? [status!] : [])))
    return [
      `## ${code}`,
      ...(statuses.length === 0 ? [] : [`Status ${statuses.join(', ')}.`]),
      ...(texts.length === 0 ? [] : ['Shown as:', texts.map((text) => `- ${codeSpan(text)}`).join('\n')]),
      `**Cause and next step:** ${cureOf(code, statuses)}`,
    ].join('\n\n')
  })
  return `${HEAD}# Reason codes

A response that refuses a request has a reason code: in small print on a page, and as \`code\` in \`problem+json\`. The audit
trail has the same code as \`reason\`. A code never changes its meaning. Pages and records also have the id of the request:
\`mezctl audit ls --request ID\` shows what happened.

${sections.join('\n\n')}
`
}

const codeSpan = (text: string): string => (text.includes('`') ? `\`\` ${text} \`\`` : `\`${text}\``)
