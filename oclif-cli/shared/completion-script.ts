export const SHELLS = ['bash', 'zsh', 'fish'] as const

export interface CompletedFlag {
  readonly name: string
  readonly char: string | null
  readonly summary: string
  /** Null: the flag takes no value. Empty: any value. */
  readonly values: readonly string[] | null
  /** The value is a file or a folder. */
  readonly file: boolean
  /** What its value names, such as `apps`; null: nothing that the hub lists. */
  readonly names: string | null
}

export interface CompletedCommand {
  /** The words to type: `apps ls`. */
  readonly words: readonly string[]
  readonly summary: string
  readonly flags: readonly CompletedFlag[]
  /** The values of the first argument; empty if it is free text. */
  readonly values: readonly string[]
  /** What each argument names, as `names` of a flag. */
  readonly names: readonly (string | null)[]
}

export interface CompletionTree {
  readonly program: string
  readonly commands: readonly CompletedCommand[]
  /** First words that are not commands, with a description. */
  readonly topics: Readonly<Record<string, string>>
}

/**
 * A completion script that contains every command, flag and fixed value. Only for names it runs the program, which keeps them for a
 * minute. It adds only its own text to the start of a shell.
 */
export function completionScript(shell: (typeof SHELLS)[number], tree: CompletionTree): string {
  return `${{ bash, zsh, fish }[shell](tree)}\n`
}

type Word = readonly [word: string, summary: string]

/** The first words, and the second words by first word. A topic that is also a command has its flags as second words. */
function wordsOf({ commands, topics }: CompletionTree): { first: Word[]; after: Map<string, Word[]> } {
  const after = new Map<string, Word[]>()
  const add = (topic: string, ...words: Word[]) => after.set(topic, [...(after.get(topic) ?? []), ...words])
  const first: Word[] = []
  for (const { words, summary, flags } of commands) {
    const [one = '', two] = words
    if (two !== undefined) add(one, [two, summary])
    else if (one in topics) add(one, ...flags.map((flag): Word => [`--${flag.name}`, flag.summary]))
    else first.push([one, summary])
  }
  for (const [topic, summary] of Object.entries(topics)) first.push([topic, summary])
  add('help', ...first)
  return { first: [...first, ['help', 'show help']], after }
}

/** Commands whose flags and values are completed separately. */
const placed = ({ commands, topics }: CompletionTree) =>
  commands.filter(({ words }) => words.length > 1 || !(words[0]! in topics))

const idOf = ({ words }: CompletedCommand): string => words.join(' ')
const quote = (text: string): string => `'${text.replaceAll("'", `'\\''`)}'`
/** The words below a topic are also those of its help. */
const eitherWay = (topic: string): string => `${quote(topic)}|${quote(`help ${topic}`)}`
const list = (words: readonly string[]): string => quote(words.join(' '))
const spellings = ({ name, char }: CompletedFlag): string[] => [
  `--${name}`,
  ...(char === null ? [] : [`-${char}`]),
]

/** How bash or zsh completes a word. */
interface Dialect {
  /** The statements that offer these words. */
  readonly offer: (words: readonly Word[]) => string
  /** The same for the value of a flag: one of these, a file, or a name. */
  readonly fixed: (values: readonly string[]) => string
  readonly files: string
  readonly named: (kind: string) => string
  /** Offers names of a kind beside the words, if the cursor is at this argument. */
  readonly argument: (kind: string, place: number) => string
}

/** The value of a flag: one of some, a file, a name, or anything. */
function flagValue({ values, file, names }: CompletedFlag, { fixed, files, named }: Dialect): string {
  if (values !== null && values.length > 0) return fixed(values)
  return names !== null ? named(names) : file ? files : 'return'
}

/** The end of the function of bash or zsh, which completes by `$command` and `$prev`. */
function cases(tree: CompletionTree, dialect: Dialect): string[] {
  const { offer, argument } = dialect
  const commands = placed(tree)
  const { first, after } = wordsOf(tree)
  return [
    '  case "$command $prev" in',
    ...commands.flatMap((command) =>
      command.flags.flatMap((flag) => {
        if (flag.values === null) return []
        const patterns = spellings(flag).map((spelling) => quote(`${idOf(command)} ${spelling}`))
        return `    ${patterns.join('|')}) ${flagValue(flag, dialect)};;`
      }),
    ),
    '  esac',
    '  case "$command" in',
    `    '') ${offer(first)};;`,
    ...[...after].map(([topic, words]) => `    ${eitherWay(topic)}) ${offer(words)};;`),
    ...commands.map((command) => {
      const id = idOf(command)
      const pattern = command.words.length === 1 ? `${quote(id)}|${quote(`${id} `)}*` : quote(id)
      const values = command.values.map((value): Word => [value, ''])
      const flags = command.flags.map(({ name, summary }): Word => [`--${name}`, summary])
      const named = command.names.flatMap((kind, at) =>
        kind === null ? [] : [`; ${argument(kind, command.words.length + at)}`],
      )
      return `    ${pattern}) ${offer([...values, ...flags])}${named.join('')};;`
    }),
    '  esac',
    '}',
  ]
}

function bash(tree: CompletionTree): string {
  const { program } = tree
  const reply = (words: readonly string[]) => `COMPREPLY=($(compgen -W ${list(words)} -- "$cur"))`
  const ofNames = (kind: string) =>
    `$(compgen -W "$(${program} completion bash --names ${kind} 2>/dev/null)" -- "$cur")`
  const lines = [
    `# Completion of ${program} for bash. Load it with: source <(${program} completion bash)`,
    `_${program}() {`,
    '  local cur="${COMP_WORDS[COMP_CWORD]}" prev="${COMP_WORDS[COMP_CWORD-1]}" command="" at',
    '  COMPREPLY=()',
    // bash splits `--flag=value` into three words.
    '  if [[ $cur == "=" ]]; then cur=""; elif [[ $prev == "=" ]]; then prev="${COMP_WORDS[COMP_CWORD-2]}"; fi',
    '  for ((at = 1; at < COMP_CWORD && at < 3; at++)); do',
    '    [[ ${COMP_WORDS[at]} == -* ]] && break',
    '    command+="${command:+ }${COMP_WORDS[at]}"',
    '  done',
    ...cases(tree, {
      offer: (words) => reply(words.map(([word]) => word)),
      fixed: (values) => `${reply(values)}; return`,
      files: 'compopt -o default 2>/dev/null; COMPREPLY=(); return',
      named: (kind) => `COMPREPLY=(${ofNames(kind)}); return`,
      argument: (kind, place) =>
        `[[ $COMP_CWORD == ${place + 1} && $cur != -* ]] && COMPREPLY=(${ofNames(kind)} "\${COMPREPLY[@]}")`,
    }),
    `complete -F _${program} ${program}`,
  ]
  return lines.join('\n')
}

function zsh(tree: CompletionTree): string {
  const { program } = tree
  const ofNames = (kind: string) => `\${(f)"$(${program} completion zsh --names ${kind} 2>/dev/null)"}`
  // In a zsh description a colon ends the word.
  const described = (words: readonly Word[]) =>
    words.map(([word, summary]) => quote(`${word.replaceAll(':', '\\:')}:${summary}`)).join(' ')
  const lines = [
    `#compdef ${program}`,
    `# Completion of ${program} for zsh. Load it with: source <(${program} completion zsh)`,
    `_${program}() {`,
    '  local -a found',
    '  local command="" prev="${words[CURRENT-1]}" at',
    '  for ((at = 2; at < CURRENT && at < 4; at++)); do',
    '    [[ ${words[at]} == -* ]] && break',
    '    command+="${command:+ }${words[at]}"',
    '  done',
    '  if [[ ${words[CURRENT]} == --*=* ]]; then prev="${words[CURRENT]%%=*}"; compset -P "*="; fi',
    ...cases(tree, {
      offer: (words) => `found=(${described(words)}); _describe -V ${program} found`,
      fixed: (values) => `compadd -- ${values.map(quote).join(' ')}; return`,
      files: '_files; return',
      named: (kind) => `compadd -- ${ofNames(kind)}; return`,
      argument: (kind, place) =>
        `[[ $CURRENT == ${place + 2} && \${words[CURRENT]} != -* ]] && compadd -- ${ofNames(kind)}`,
    }),
    // Works as a file in $fpath and with source.
    `if [[ \${funcstack[1]} == _${program} ]]; then _${program} "$@"; else compdef _${program} ${program}; fi`,
  ]
  return lines.join('\n')
}

function fish(tree: CompletionTree): string {
  const { program } = tree
  const commands = placed(tree)
  const { first, after } = wordsOf(tree)
  const text = (value: string) => `'${value.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`
  const line = (condition: string, rest: string) => `complete -c ${program} -n ${text(condition)} ${rest}`
  const seen = (words: readonly string[]) =>
    words.map((word) => `__fish_seen_subcommand_from ${word}`).join('; and ')
  const lines = [
    `# Completion of ${program} for fish. Load it with: ${program} completion fish | source`,
    `complete -c ${program} -f`,
    ...first.map(([word, summary]) => line('__fish_use_subcommand', `-a ${word} -d ${text(summary)}`)),
  ]
  for (const [topic, words] of after) {
    const none = `${seen([topic])}; and not __fish_seen_subcommand_from ${words.map(([word]) => word).join(' ')}`
    for (const [word, summary] of words) lines.push(line(none, `-a ${word} -d ${text(summary)}`))
  }
  const ofNames = (kind: string) => `(${program} completion fish --names ${kind} 2>/dev/null)`
  for (const { words, flags, values, names } of commands) {
    if (values.length > 0) lines.push(line(seen(words), `-a ${text(values.join(' '))}`))
    for (const [at, kind] of names.entries()) {
      const here = `${seen(words)}; and test (count (commandline -opc)) -eq ${words.length + at + 1}`
      if (kind !== null) lines.push(line(here, `-a ${text(ofNames(kind))}`))
    }
    for (const { name, char, summary, values: allowed, file, names: kind } of flags) {
      const short = char === null ? '' : `-s ${char} `
      const value =
        allowed === null
          ? ''
          : file
            ? '-r -F '
            : `-x ${allowed.length > 0 ? `-a ${text(allowed.join(' '))} ` : kind === null ? '' : `-a ${text(ofNames(kind))} `}`
      lines.push(line(seen(words), `-l ${name} ${short}${value}-d ${text(summary)}`))
    }
  }
  return lines.join('\n')
}
