import { Command, Flags } from '@oclif/core'
import { showJson, showYaml } from './data-output.ts'

export type Format = 'text' | 'json' | 'yaml'

/** What every command has: `--format`, `--json`, and one way to print its result. */
export abstract class BaseCommand extends Command {
  static override baseFlags = {
    format: Flags.option({
      description: 'how the result is printed',
      options: ['text', 'json', 'yaml'] as const,
      default: 'text' as const,
      helpGroup: 'GLOBAL',
    })(),
    json: Flags.boolean({ description: 'the same as --format json', helpGroup: 'GLOBAL', default: false }),
  }

  /** Prints `data` as JSON or YAML when that is asked for, otherwise what `text` makes of it. */
  protected async show(
    flags: { format: Format; json: boolean },
    data: unknown,
    text: () => string | Promise<string>,
  ): Promise<void> {
    const format = this.formatOf(flags)
    if (format === 'json') return this.write(showJson(data))
    if (format === 'yaml') return this.write(await showYaml(data))
    this.write(await text())
  }

  protected formatOf(flags: { format: Format; json: boolean }): Format {
    return flags.json ? 'json' : flags.format
  }

  /** A line or block on standard output. */
  protected write(text: string): void {
    process.stdout.write(text.endsWith('\n') ? text : `${text}\n`)
  }

  /** A remark for people on standard error, so that standard output stays what scripts read. */
  protected note(text: string): void {
    process.stderr.write(`${text}\n`)
  }

  /** oclif's own answer holds its whole configuration; ours holds the message only. */
  protected override toErrorJson(error: unknown): unknown {
    return { error: { message: error instanceof Error ? error.message : String(error) } }
  }

  /** Errors are printed in one place, by `reportError`. */
  protected override async catch(error: Error): Promise<never> {
    throw error
  }
}
