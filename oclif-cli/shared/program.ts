/**
 * Runs a command line of a program, without what its commands need.
 *
 * @internal
 */
import { readFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Command } from '@oclif/core/command'
import { Config } from '@oclif/core/config'
import { settings } from '@oclif/core/settings'
import { bundledPackages, type Commands } from './bundled-commands.ts'
import { formatIn, messageOf, reportError } from './cli-error.ts'
import { manifestOf } from './program-start.ts'

export interface ProgramOptions {
  /** The name of the executable. */
  readonly name: string
  readonly argv: readonly string[]
  /** The package's manifest, with its `oclif` section and the bundled packages. */
  readonly manifest: URL
  /** The commands of the program itself. */
  readonly commands: Commands
  /** Module below the package's folder that exports `COMMANDS`, for help and completion. */
  readonly classes: string
  /** Flags with a value that are also accepted before the command. */
  readonly leading?: readonly string[]
  /** The command that prints pages of the documentation, for `help TOPIC` of a topic that it covers and that is not a command. */
  readonly manual?: string
}

/** The class of the command `manual`. */
interface Manual {
  covers(topic: string): boolean
}

/**
 * Runs one command line and sets the exit status. A command of the program or of a bundled package, or its help, is loaded
 * alone and without CLI plugins, which shortens the time to the first output. Everything else (the list of commands, plugins) runs through oclif.
 */
export async function runProgram(options: ProgramOptions): Promise<void> {
  const { name, manifest } = options
  // Otherwise oclif warns about linked TypeScript plugins at every start.
  settings.enableAutoTranspile = false
  const root = dirname(fileURLToPath(manifest))
  const pjson = JSON.parse(readFileSync(manifest, 'utf8'))
  const bundled = bundledPackages(manifest)
  const commands = { ...options.commands, ...bundled.commands }
  const given = pluginWords(leadingLast(options.argv, options.leading ?? []))
  const topics = Object.keys(pjson.oclif.topics ?? {})
  const isCommand = (word: string) =>
    topics.includes(word) || Object.keys(commands).some((id) => id.split(' ')[0] === word)
  const argv = await manualWords(given, isCommand, options.manual ?? '', commands)
  const found = findCommand(argv, commands)
  try {
    if (found === null) {
      const absent = bundled.absentTopic(argv[0] ?? '')
      if (absent) throw absent
      hideConfigInErrors()
      const [{ run }, { flush }] = await Promise.all([import('@oclif/core/run'), import('@oclif/core/flush')])
      const oclif = {
        ...pjson.oclif,
        topics: { ...pjson.oclif.topics, ...bundled.topics() },
        commands: { strategy: 'explicit', target: options.classes, identifier: 'COMMANDS' },
      }
      // The list of commands that the package has was made with all bundled packages.
      const ignoreManifest = !bundled.isComplete()
      await run(canonicalWords(argv, commands), { root, pjson: { ...pjson, oclif }, ignoreManifest })
      await flush()
    } else {
      const { plugins: _plugins, ...oclif } = pjson.oclif
      const config = await Config.load({
        root,
        pjson: { ...pjson, oclif },
        ignoreManifest: true,
        userPlugins: false,
        devPlugins: false,
      })
      const command = await commands[found.id]!()
      command.id = found.id.replaceAll(' ', ':')
      if (wantsHelp(argv)) await showCommandHelp(command, config)
      else await command.run([...found.rest], config as never)
    }
  } catch (error) {
    const flag = argv.findIndex((word) => word.startsWith('-'))
    process.exitCode = await reportError(error, {
      command: found === null ? name : `${name} ${found.id}`,
      words: argv.slice(argv[0] === 'help' ? 1 : 0, flag > 0 ? flag : undefined),
      known: [
        ...Object.keys(options.commands),
        ...bundled.installed(),
        ...Object.keys(pjson.oclif.topics ?? {}),
      ],
      format: formatIn(argv),
    })
  }
}

/**
 * The class of every command by its oclif id, for help and completion: those of the program itself, and of the bundled
 * packages that are installed. A package that cannot be loaded is left out with a warning.
 *
 * @param base `import.meta.url` of a module of the program
 */
export async function commandClasses(
  commands: Commands,
  base: string,
): Promise<Record<string, Command.Class>> {
  const bundled = bundledPackages(manifestOf(base))
  const warnings = new Set<string>()
  const loaded = [
    ...Object.entries(commands).map(async ([id, load]) => [[id, await load()] as const]),
    ...bundled.installed().map((id) =>
      bundled.commands[id]!().then(
        (command) => [[id, command] as const],
        (error) => {
          warnings.add(messageOf(error))
          return []
        },
      ),
    ),
  ]
  const entries = (await Promise.all(loaded)).flat()
  for (const warning of warnings) process.stderr.write(`warning: ${warning}\n`)
  return Object.fromEntries(entries.map(([id, command]) => [id.replaceAll(' ', ':'), command]))
}

/** Moves leading flags behind the command: oclif does not accept them before it. */
function leadingLast(argv: readonly string[], leading: readonly string[]): readonly string[] {
  const rest = [...argv]
  const moved: string[] = []
  while (rest.length > 0) {
    const [flag = ''] = rest
    if (leading.includes(flag)) moved.push(...rest.splice(0, 2))
    else if (leading.includes(flag.split('=')[0]!)) moved.push(...rest.splice(0, 1))
    else break
  }
  const end = rest.indexOf('--')
  return end === -1 ? [...rest, ...moved] : rest.toSpliced(end, 0, ...moved)
}

/** `plugins install PATH` takes the package in a folder as it is, and `plugins list` is oclif's `plugins`. */
function pluginWords(argv: readonly string[]): readonly string[] {
  const [topic, verb = '', ...rest] = argv
  if (topic !== 'plugins') return argv
  if (/^(list|ls)$/.test(verb)) return [topic, ...rest]
  const isPath = rest.some((word) => /^(\.{0,2}\/|\.{1,2}$)/.test(word))
  return verb === 'install' && isPath ? [topic, 'link', ...rest] : argv
}

/** `help TOPIC` prints a page of the documentation if no command has this name. */
async function manualWords(
  argv: readonly string[],
  isCommand: (word: string) => boolean,
  id: string,
  commands: Commands,
): Promise<readonly string[]> {
  const [first, topic = '', ...rest] = argv
  if (first !== 'help' || !/^[\w/-]+$/.test(topic) || topic.startsWith('-') || isCommand(topic)) return argv
  const load = commands[id]
  if (!load) return argv
  const manual = (await load().catch(() => null)) as (Command.Class & Manual) | null
  return manual?.covers(topic) ? [id, topic, ...rest] : argv
}

/** `delete` and `list` mean `rm` and `ls`. */
function canonical(word: string | undefined): string | undefined {
  return word === 'delete' ? 'rm' : word === 'list' ? 'ls' : word
}

function canonicalWords(argv: readonly string[], commands: Commands): string[] {
  const [topic, verb, ...rest] = argv
  const word = canonical(verb)
  return word !== verb && `${topic} ${word}` in commands ? [topic!, word!, ...rest] : [...argv]
}

function findCommand(
  argv: readonly string[],
  commands: Commands,
): { id: string; rest: readonly string[] } | null {
  const [topic = '', verb] = argv
  const two = `${topic} ${canonical(verb)}`
  if (Object.hasOwn(commands, two)) return { id: two, rest: argv.slice(2) }
  if (Object.hasOwn(commands, topic)) return { id: topic, rest: argv.slice(1) }
  return null
}

function wantsHelp(argv: readonly string[]): boolean {
  const end = argv.indexOf('--')
  return argv.slice(0, end === -1 ? argv.length : end).some((word) => word === '--help' || word === '-h')
}

/** Prints the help of one command from its class. oclif itself would load every other command first. */
async function showCommandHelp(command: Command.Class, config: Config): Promise<void> {
  const { Help } = await import('@oclif/core/help')
  type Named = Readonly<Record<string, object>>
  // oclif's help reads the names from the values.
  const named = (all: Named): Named =>
    Object.fromEntries(Object.entries(all).map(([name, one]) => [name, { ...one, name }]))
  const described = Object.assign(Object.create(command), {
    flags: named({ ...command.baseFlags, ...command.flags }),
    args: named(command.args),
  })
  await new Help(config, { hideCommandSummaryInDescription: true }).showCommandHelp(described)
}

/** Under `--json` oclif's own commands (`plugins`) would print their whole configuration for a parse error. */
function hideConfigInErrors(): void {
  const prototype = Command.prototype as unknown as { toErrorJson(error: unknown): unknown }
  prototype.toErrorJson = (error) => ({ error: { message: messageOf(error) } })
}
