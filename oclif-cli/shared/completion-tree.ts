import type { Command } from '@oclif/core'

export interface CompletedFlag {
  readonly name: string
  readonly char: string | null
  readonly summary: string
  /** Null: it takes no value. Empty: any. */
  readonly values: readonly string[] | null
  /** Its value is a file or a folder. */
  readonly file: boolean
}

export interface CompletedCommand {
  /** The words that are typed: `apps ls`. */
  readonly words: readonly string[]
  readonly summary: string
  readonly flags: readonly CompletedFlag[]
  /** What its first argument may be; empty when that is free. */
  readonly values: readonly string[]
}

export interface CompletionTree {
  readonly program: string
  readonly commands: readonly CompletedCommand[]
  /** First words that are no commands, with what is below them. */
  readonly topics: Readonly<Record<string, string>>
}

const FILE = /^(out|identity)$|file$|dir$/
/** The other names under which `run-program` takes a verb. */
const SYNONYMS: Readonly<Record<string, string>> = { ls: 'list', rm: 'delete' }

/** What shells need to know of a program, from the classes of its commands. */
export function completionTree(
  program: string,
  classes: Readonly<Record<string, Command.Class>>,
  topics: Readonly<Record<string, { readonly description?: string }>>,
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

/** oclif's own commands say the program's name by a placeholder. */
function firstLine(program: string, text: string): string {
  return text.split('\n', 1)[0]!.replaceAll('<%= config.bin %>', program)
}

function flagsOf(command: Command.Class): CompletedFlag[] {
  // Commands of oclif bring a flag for help of their own.
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
