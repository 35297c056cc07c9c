import { BaseCommand, CliError, didYouMean } from '@mezite/cli'
import * as Args from '@oclif/core/args'
import { terminalText } from './commands/terminal-text.ts'
import { findTopic, pageList, type Topic } from './commands/topics.ts'

/** `mezctl docs TOPIC`, and `mezctl help TOPIC` for a topic that is not a command. */
class Docs extends BaseCommand {
  static override summary = 'Print a page of the documentation, or the section of an error or reason code'
  static override examples = [
    '<%= config.bin %> <%= command.id %>',
    '<%= config.bin %> <%= command.id %> limits',
    '<%= config.bin %> <%= command.id %> MEZ_AUDIT_MISSING',
  ]
  /** For completion. */
  static names = async () => pageList().map(({ name }) => name.split('/').at(-1)!)
  static override args = {
    topic: Args.string({ description: 'name of a page, or a code' }),
  }

  /** Whether the documentation has a page or a section for the topic. */
  static covers(topic: string): boolean {
    return findTopic(topic) !== null
  }

  async run(): Promise<void> {
    const { args, flags } = await this.parse(Docs)
    const pages = pageList()
    if (args.topic === undefined)
      return this.show(flags, pages, () => pages.map(({ name, title }) => `${name}\n    ${title}`).join('\n'))
    const found: Topic | null = findTopic(args.topic)
    if (found === null) {
      const names = pages.map(({ name }) => name.split('/').at(-1)!)
      const near = await didYouMean(args.topic, names)
      throw new CliError(
        'MEZ_USAGE_WRONG',
        `no page about ${JSON.stringify(args.topic)}.${near}`.replace(/\.$/, ''),
        {
          hint: 'List all pages: mezctl docs',
        },
      )
    }
    await this.show(flags, found, () => terminalText(found.markdown, process.stdout.columns ?? 80))
  }
}

/** The commands of `mezctl` by id. */
export const COMMANDS = { docs: Docs }
