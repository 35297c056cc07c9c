import { reasons } from '../../../core/api/reasons.ts'
import { standardPlugins } from '../../../core/hub/config/standard-plugins.ts'
import { errorCodes } from '../../../core/kernel/error-codes.ts'
import type { AnyPlugin } from '../../../core/kernel/plugin.ts'
import type { Reason, Reasons } from '../../../core/kernel/reason.ts'
import { sorted, type Use, usesOf } from './source-texts.ts'

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

/** The reasons of a plugin. */
const reasonsOf = async (plugin: string): Promise<Reasons> => {
  const { default: definition } = (await import(`../../${plugin}/hub.ts`)) as { default: AnyPlugin }
  return definition.reasons ?? {}
}

/** Every reason of the core and the standard plugins by its code, sorted. */
export async function allReasons(): Promise<readonly (readonly [code: string, reason: Reason])[]> {
  const declared = await Promise.all(standardPlugins.map(reasonsOf))
  return [reasons, ...declared]
    .flatMap((some) => Object.entries<Reason>(some))
    .sort(([a], [b]) => (a < b ? -1 : 1))
}

/** Every reason code, with the sentence that people see and the next step. */
export async function reasonCodePage(): Promise<string> {
  const sections = (await allReasons()).map(([code, { status, en, next }]) =>
    [
      `## ${code}`,
      ...(status === undefined ? [] : [`Status ${status}.`]),
      ...(en === undefined ? [] : [`Shown as: ${codeSpan(en)}`]),
      `**Cause and next step:** ${next}`,
    ].join('\n\n'),
  )
  return `${HEAD}# Reason codes

A response that refuses a request has a reason code: in small print on a page, and as \`code\` in \`problem+json\`. The audit
trail has the same code as \`reason\`. A code never changes its meaning. Pages and records also have the id of the request:
\`mezctl audit ls --request ID\` shows what happened.

${sections.join('\n\n')}
`
}

const codeSpan = (text: string): string => (text.includes('`') ? `\`\` ${text} \`\`` : `\`${text}\``)
