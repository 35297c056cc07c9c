import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import * as Args from '@oclif/core/args'
import { Command } from '@oclif/core/command'
import { Config } from '@oclif/core/config'
import { bundledPackages, type Commands } from './bundled-commands.ts'
import {
  type CompletedCommand,
  type CompletedFlag,
  type CompletionTree,
  completionScript,
  SHELLS,
} from './completion-script.ts'
import { commandClasses } from './program.ts'

/** `completion bash|zsh|fish` of either program. */
export abstract class CompletionCommand extends Command {
  static override summary = 'Print a completion script for bash, zsh or fish'
  static override description =
    'The script contains every command, flag and fixed value, and runs neither the program nor a request. Print it again after an upgrade.'
  static override examples = [
    'source <(<%= config.bin %> <%= command.id %> bash)',
    'source <(<%= config.bin %> <%= command.id %> zsh)',
    '<%= config.bin %> <%= command.id %> fish | source',
  ]
  static override args = {
    shell: Args.string({ required: true, options: [...SHELLS], description: 'The shell to complete in' }),
  }

  /** The commands of the program itself. */
  protected abstract commands(): Promise<Commands>

  async run(): Promise<void> {
    const { args } = await this.parse({ args: CompletionCommand.args })
    const manifest = pathToFileURL(join(this.config.root, 'package.json'))
    const [classes, installed] = await Promise.all([
      commandClasses(await this.commands(), manifest.href),
      this.#installed(),
    ])
    const { topics: own = {} } = this.config.pjson.oclif as { topics?: Topics }
    const topics = { ...own, ...bundledPackages(manifest).topics() }
    const tree = completionTree(this.config.bin, { ...installed, ...classes }, topics)
    process.stdout.write(completionScript(args.shell as (typeof SHELLS)[number], tree))
  }

  /** The commands of oclif's own plugins and of installed ones. One that cannot be loaded is left out. */
  async #installed(): Promise<Record<string, Command.Class>> {
    const { root, pjson } = this.config
    const config = await Config.load({ root, pjson: { ...pjson, oclif: { ...pjson.oclif, plugins: OCLIF } } })
    const loaded = config.commands.map(async (command) => {
      const its = await command.load().catch(() => null)
      return its === null ? [] : [[command.id, its] as const]
    })
    return Object.fromEntries((await Promise.all(loaded)).flat())
  }

  /** `reportError` prints every error. */
  protected override async catch(error: Error): Promise<never> {
    throw error
  }
}

type Topics = Readonly<Record<string, { readonly description?: string }>>

const OCLIF = ['@oclif/plugin-plugins']
const FILE = /^(out|identity)$|file$|dir$/
/** The other spellings of a verb that `runProgram` accepts. */
const SYNONYMS: Readonly<Record<string, string>> = { ls: 'list', rm: 'delete' }

/** The commands, flags and values of a program for a shell, from the classes of its commands. */
function completionTree(
  program: string,
  classes: Readonly<Record<string, Command.Class>>,
  topics: Topics,
): CompletionTree {
  const commands = Object.entries(classes).flatMap(([id, command]) => {
    const words = id.split(':')
    const [first] = Object.values(command.args ?? {})
    const found: CompletedCommand = {
      words,
      summary: firstLine(program, command.summary ?? command.description ?? ''),
      flags: flagsOf(command),
      values: [...(first?.options ?? [])],
    }
    const [topic = '', verb = ''] = words
    const other = SYNONYMS[verb]
    return other === undefined ? [found] : [found, { ...found, words: [topic, other] }]
  })
  const described = Object.entries(topics).map(([name, { description = '' }]) => [name, description])
  return { program, commands, topics: Object.fromEntries(described) }
}

/** oclif's own commands contain a placeholder for the name of the program. */
function firstLine(program: string, text: string): string {
  return text.split('\n', 1)[0]!.replaceAll('<%= config.bin %>', program)
}

function flagsOf(command: Command.Class): CompletedFlag[] {
  // oclif's own commands define a flag --help themselves.
  const { help: _, ...known } = { ...command.flags, ...command.baseFlags }
  const flags = Object.entries(known).map(([name, flag]) => ({
    name,
    char: flag.char ?? null,
    summary: flag.summary ?? flag.description ?? '',
    values: flag.type === 'boolean' ? null : [...(flag.options ?? [])],
    file: FILE.test(name),
  }))
  return [...flags, { name: 'help', char: 'h', summary: 'show help', values: null, file: false }]
}
