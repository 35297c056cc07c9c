import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import * as Args from '@oclif/core/args'
import { Command } from '@oclif/core/command'
import { Config } from '@oclif/core/config'
import * as Flags from '@oclif/core/flags'
import { bundledPackages, type Commands } from './bundled-commands.ts'
import { completionNames, type NamingCommand } from './completion-names.ts'
import {
  type CompletedCommand,
  type CompletedFlag,
  type CompletionTree,
  completionScript,
  SHELLS,
} from './completion-script.ts'
import type { HubClient } from './hub-client.ts'
import { commandClasses } from './program.ts'

/** `completion bash|zsh|fish` of either program. */
export abstract class CompletionCommand extends Command {
  static override summary = 'Print a completion script for bash, zsh or fish'
  static override description =
    'The script contains every command, flag and fixed value. For names it asks the hub as you are signed in, at most once a minute for each kind. Print it again after an upgrade.'
  static override examples = [
    'source <(<%= config.bin %> <%= command.id %> bash)',
    'source <(<%= config.bin %> <%= command.id %> zsh)',
    '<%= config.bin %> <%= command.id %> fish | source',
  ]
  static override args = {
    shell: Args.string({
      required: true,
      options: [...SHELLS],
      description: 'The shell to complete in',
      ignoreStdin: true,
    }),
  }

  static override flags = {
    names: Flags.string({ hidden: true, description: 'Print the names of this kind, for a script' }),
  }

  /** The commands of the program itself. */
  protected abstract commands(): Promise<Commands>
  /** The folder of the program's files. */
  protected abstract folder(): string
  /** The hub of the person; throws without a login. */
  protected abstract hub(): HubClient

  async run(): Promise<void> {
    const { args, flags } = await this.parse({ args: CompletionCommand.args, flags: CompletionCommand.flags })
    if (flags.names !== undefined) return this.#printNames(flags.names)
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

  async #printNames(kind: string): Promise<void> {
    const manifest = pathToFileURL(join(this.config.root, 'package.json'))
    const all = { ...(await this.commands()), ...bundledPackages(manifest).commands }
    const load = all[`${kind} ls`] ?? all[kind]
    if (!load) return
    const command = (await load()) as NamingCommand
    const names = await completionNames(command, { kind, folder: this.folder(), hub: () => this.hub() })
    process.stdout.write(names.map((name) => `${name}\n`).join(''))
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
/** Commands that list the names of flags and arguments, where they are not those of the topic. */
const KINDS: Readonly<Record<string, readonly string[]>> = {
  app: ['apps', 'app'],
  user: ['users'],
  by: ['users'],
  role: ['roles'],
  roles: ['roles'],
  agent: ['agents'],
  'agent-hostname': ['agents'],
  hostname: ['agents'],
  session: ['sessions'],
  type: ['audit'],
  topic: ['docs'],
}
/** Verbs whose name is a new one. */
const NEW = ['create', 'import', 'register']
/** The other spellings of a verb that `runProgram` accepts. */
const SYNONYMS: Readonly<Record<string, string>> = { ls: 'list', rm: 'delete' }

/** The commands, flags and values of a program for a shell, from the classes of its commands. */
function completionTree(
  program: string,
  classes: Readonly<Record<string, Command.Class>>,
  topics: Topics,
): CompletionTree {
  const lists = (kind: string) => 'names' in (classes[`${kind}:ls`] ?? {}) || 'names' in (classes[kind] ?? {})
  const kindOf = (name: string) => KINDS[name]?.find(lists) ?? null
  const commands = Object.entries(classes).flatMap(([id, command]) => {
    const words = id.split(':')
    const [first] = Object.values(command.args ?? {})
    const kindOfArg = (name: string): string | null => {
      if (NEW.includes(words[1] ?? '')) return null
      const own = (classes[`${words[0]}:ls`] as { key?: string } | undefined)?.key
      return own === name ? words[0]! : kindOf(name)
    }
    const found: CompletedCommand = {
      words,
      summary: firstLine(program, command.summary ?? command.description ?? ''),
      flags: flagsOf(command, kindOf),
      values: [...(first?.options ?? [])],
      names: Object.keys(command.args ?? {}).map(kindOfArg),
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

function flagsOf(command: Command.Class, kindOf: (name: string) => string | null): CompletedFlag[] {
  // oclif's own commands define a flag --help themselves.
  const { help: _, ...known } = { ...command.flags, ...command.baseFlags }
  const shown = Object.entries(known).filter(([, { hidden }]) => hidden !== true)
  const flags = shown.map(([name, flag]) => ({
    name,
    char: flag.char ?? null,
    summary: flag.summary ?? flag.description ?? '',
    values: flag.type === 'boolean' ? null : [...(flag.options ?? [])],
    file: FILE.test(name),
    names: flag.type === 'boolean' || flag.options ? null : kindOf(name),
  }))
  return [...flags, { name: 'help', char: 'h', summary: 'show help', values: null, file: false, names: null }]
}
