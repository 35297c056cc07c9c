import { Command } from '@oclif/core/command'
import * as Flags from '@oclif/core/flags'
import type { Input, OutputArgs, OutputFlags, ParserOutput } from '@oclif/core/interfaces'
import { escapeQuoted, isHazardous } from './text-escaping.ts'

/** The output formats of every command. @public */
export type Format = 'text' | 'json' | 'yaml'
type FormatFlags = { readonly format: Format; readonly json: boolean }

/** The flags `--format` and `--json`, and the one way in which a command prints its result. @public */
export abstract class BaseCommand extends Command {
  static override baseFlags = {
    format: Flags.option({
      char: 'o',
      description: 'Output format',
      options: ['text', 'json', 'yaml'] as const,
      default: 'text' as const,
      helpGroup: 'GLOBAL',
    })(),
    json: Flags.boolean({ description: 'Same as --format json', helpGroup: 'GLOBAL', default: false }),
  }

  /** Arguments come from the command line alone: without this, an argument left out would be what a pipe brings, such as a document or the rest of a loop. */
  protected override async parse<F extends OutputFlags<F>, B extends OutputFlags<B>, A extends OutputArgs<A>>(
    options?: Input<F, B, A>,
    argv?: string[],
  ): Promise<ParserOutput<F, B, A>> {
    const args = (options ?? this.ctor).args ?? {}
    for (const one of Object.values<{ ignoreStdin?: boolean }>(args)) one.ignoreStdin = true
    return super.parse(options, argv)
  }

  /** Prints `data` as JSON or YAML if the flags ask for it, otherwise the result of `text`. */
  protected async show(
    flags: FormatFlags,
    data: unknown,
    text: () => string | Promise<string>,
  ): Promise<void> {
    const format = this.formatOf(flags)
    if (format === 'json') return this.write(showJson(data))
    if (format === 'yaml') return this.write(await showYaml(data))
    this.write(await text())
  }

  protected formatOf(flags: FormatFlags): Format {
    return flags.json ? 'json' : flags.format
  }

  /** A line or block on standard output. */
  protected write(text: string): void {
    process.stdout.write(text.endsWith('\n') ? text : `${text}\n`)
  }

  /** A remark on standard error: standard output is for scripts. */
  protected note(text: string): void {
    process.stderr.write(`${text}\n`)
  }

  /** oclif's own version contains its whole configuration. */
  protected override toErrorJson(error: unknown): unknown {
    return { error: { message: error instanceof Error ? error.message : String(error) } }
  }

  /** `reportError` prints every error. */
  protected override async catch(error: Error): Promise<never> {
    throw error
  }
}

/** JSON with an indentation of two spaces. Hazardous characters are escaped without changing the value. */
export function showJson(data: unknown): string {
  return escapeQuoted(JSON.stringify(data, null, 2))
}

/** One line of JSON, for streams. */
export function showJsonLine(data: unknown): string {
  return escapeQuoted(JSON.stringify(data))
}

/** One YAML document without a final line break. Strings with hazardous characters are quoted and escaped. */
export async function showYaml(data: unknown): Promise<string> {
  const { Document, visit } = await import('yaml')
  const document = new Document(data, { aliasDuplicateObjects: false })
  visit(document, {
    Scalar(_key, node) {
      if (typeof node.value === 'string' && isHazardous(node.value)) node.type = 'QUOTE_DOUBLE'
    },
  })
  return escapeQuoted(document.toString({ lineWidth: 0 }).trimEnd())
}
