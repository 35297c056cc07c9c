import { readFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Command, Config, flush, run, settings } from '@oclif/core'
import { messageOf } from './cli-error.ts'
import { reportError } from './error-report.ts'

/** Commands by what is typed (`apps ls`); each is a module that is loaded only when it is run. */
export type Commands = Readonly<Record<string, () => Promise<{ default: unknown }>>>

export interface ProgramOptions {
  /** What is typed to start it. */
  readonly name: string
  readonly argv: readonly string[]
  /** The package's manifest, with its `oclif` part. */
  readonly manifest: URL
  readonly commands: Commands
  /** Module below the package's folder that exports `COMMANDS`, for help and completion. */
  readonly classes: string
  /** Flags with a value that may also stand in front of the command. */
  readonly leading?: readonly string[]
}

/**
 * Runs one command line and sets the exit code. A command of ours, or its help, is loaded alone and without CLI plugins:
 * that keeps the way to the first output short. Everything else (help on all, plugins) takes oclif's whole way.
 */
export async function runProgram(options: ProgramOptions): Promise<void> {
  const { name, manifest, commands } = options
  // Linked plugins in TypeScript would otherwise be warned about at every start.
  settings.enableAutoTranspile = false
  const root = dirname(fileURLToPath(manifest))
  const pjson = JSON.parse(readFileSync(manifest, 'utf8'))
  const argv = leadingLast(options.argv, options.leading ?? [])
  const found = findCommand(argv, commands)
  try {
    if (found === null) {
      hideConfigInErrors()
      const oclif = {
        ...pjson.oclif,
        commands: { strategy: 'explicit', target: options.classes, identifier: 'COMMANDS' },
      }
      await run(spaced(argv, commands), { root, pjson: { ...pjson, oclif } })
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
      const loaded = (await commands[found.id]!()).default as Command.Class
      loaded.id = found.id.replaceAll(' ', ':')
      if (asksForHelp(argv)) {
        const { showCommandHelp } = await import('./command-help.ts')
        await showCommandHelp(loaded, config)
      } else {
        await loaded.run([...found.rest], config as never)
      }
    }
  } catch (error) {
    process.exitCode = reportError(error, found === null ? name : `${name} ${found.id}`)
  }
}

/** Every command's class by its oclif id: read for help, completion and suggestions only. */
export async function commandClasses(commands: Commands): Promise<Record<string, Command.Class>> {
  const loaded = Object.entries(commands).map(async ([id, load]) => [
    id.replaceAll(' ', ':'),
    (await load()).default as Command.Class,
  ])
  return Object.fromEntries(await Promise.all(loaded))
}

/** oclif knows flags after the command only. */
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

/** `delete` and `list` are `rm` and `ls`. */
function canonical(word: string | undefined): string | undefined {
  return word === 'delete' ? 'rm' : word === 'list' ? 'ls' : word
}

function spaced(argv: readonly string[], commands: Commands): string[] {
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

function asksForHelp(argv: readonly string[]): boolean {
  const end = argv.indexOf('--')
  return argv.slice(0, end === -1 ? argv.length : end).some((word) => word === '--help' || word === '-h')
}

/** oclif's own commands (`plugins`) would print their whole configuration for a parse error under `--json`. */
function hideConfigInErrors(): void {
  const prototype = Command.prototype as unknown as { toErrorJson(error: unknown): unknown }
  prototype.toErrorJson = (error) => ({ error: { message: messageOf(error) } })
}
