import { join } from 'node:path'
import { runCli } from '../../core/program/cli.ts'
import { findTopic } from '../../plugins/docs/commands/topics.ts'
import { root, textOf } from '../read-imports.ts'

interface Flag {
  readonly char?: string
  readonly allowNo?: boolean
}

interface Declared {
  readonly flags?: Readonly<Record<string, Flag>>
  readonly baseFlags?: Readonly<Record<string, Flag>>
}
type Classes = Readonly<Record<string, Declared>>

const classesOf = async (program: string): Promise<Classes> =>
  ((await import(join(root, 'oclif-cli', program, 'command-classes.ts'))) as { COMMANDS: Classes }).COMMANDS
const classes: Readonly<Record<string, Classes>> = {
  mezctl: await classesOf('mezctl'),
  msh: await classesOf('msh'),
}
/** Commands of packages that people install, which pages of examples name. */
const OF_EXAMPLES = /^(?:mezctl requests recent|msh bookmarks|mezctl plugins|msh plugins)\b/
const HUB_COMMANDS = 'init start doctor plugins version backup restore database upgrade dev'.split(' ')

/** Words of a command line up to what only a shell reads. */
function wordsOf(line: string): string[] {
  const words = line
    .replace(/\s+(?:\||>|&&|#|<).*$/, '')
    .replaceAll(/[[\]]/g, '')
    .match(/"[^"]*"|'[^']*'|\S+/g)
  const end = words?.indexOf('--') ?? -1
  return (end === -1 ? words : words?.slice(0, end)) ?? []
}

/** `create|get` stands for both. */
const alternatives = (words: readonly string[]): string[][] =>
  words.reduce<string[][]>(
    (lines, word) => lines.flatMap((line) => word.split('|').map((one) => [...line, one])),
    [[]],
  )

const flagsOf = (words: readonly string[]) =>
  words.filter((word) => /^--?[a-z]/i.test(word)).map((word) => word.split('=')[0]!)

/** What is wrong with a command line of a page, or null. */
export async function faultOf(line: string): Promise<string | null> {
  for (const words of alternatives(wordsOf(line))) {
    const fault = await faultOfOne(words)
    if (fault !== null) return fault
  }
  return null
}

async function faultOfOne([program = '', ...words]: readonly string[]): Promise<string | null> {
  if (program === 'mezd') {
    const help = textOf('agent/mezd.ts')
    if (words[0] !== undefined && !/^(?:init|start|config|doctor|keeps|-)/.test(words[0]))
      return `mezd ${words[0]}`
    return flagsOf(words).find((flag) => !help.includes(`${flag} `) && !help.includes(`${flag},`)) ?? null
  }
  if (program === 'mezhub') return faultOfHub(words)
  if (OF_EXAMPLES.test([program, ...words].join(' '))) return null
  const known = classes[program]!
  const names = words.slice(0, words.findIndex((word) => word.startsWith('-')) >>> 0)
  if (names[0] === 'help') {
    const [, topic] = names
    const isName = topic === undefined || /^[A-Z]+$/.test(topic)
    return isName || findTopic(topic) !== null || topic in known ? null : `no topic ${topic}`
  }
  for (let length = Math.min(names.length, 3); length > 0; length--) {
    const command = known[names.slice(0, length).join(':')]
    if (command === undefined) continue
    const flags = { ...command.baseFlags, ...command.flags }
    const spelled = Object.entries(flags).flatMap(([name, { char, allowNo }]) => [
      `--${name}`,
      ...(allowNo ? [`--no-${name}`] : []),
      ...(char ? [`-${char}`] : []),
    ])
    // The other words are those of curl.
    if (program === 'msh' && names[0] === 'curl') return null
    const wrong = flagsOf(words).find((flag) => !spelled.includes(flag) && flag !== '--help')
    return wrong === undefined ? null : `${names.slice(0, length).join(' ')} has no ${wrong}`
  }
  const topic = names.join(':')
  const isTopic = names.length > 0 && Object.keys(known).some((id) => id.startsWith(`${topic}:`))
  return isTopic || names.length === 0 ? null : `no command ${names.join(' ')}`
}

const helps = new Map<string, Promise<string>>()
function helpOf(args: readonly string[]): Promise<string> {
  const key = args.join(' ')
  const asked = helps.get(key)
  if (asked !== undefined) return asked
  let text = ''
  const print = (part: string) => {
    text += part
  }
  const options = { args: [...args, '--help'], start: async () => {}, print, printToStderr: print }
  const fresh = runCli(options).then(() => text)
  helps.set(key, fresh)
  return fresh
}

async function faultOfHub(words: readonly string[]): Promise<string | null> {
  const [word = '', second = ''] = words
  if (word === '' || word.startsWith('-')) return null
  const command = word === 'config' ? [word, second] : [word]
  if (word === 'config' ? !['check', 'schema'].includes(second) : !HUB_COMMANDS.includes(word))
    return `mezhub has no command ${word} ${second}`
  const help = await helpOf(command)
  const wrong = flagsOf(words).find((flag) => flag !== '--help' && !new RegExp(`${flag}\\b`).test(help))
  return wrong === undefined ? null : `mezhub ${command.join(' ')} has no ${wrong}`
}
