import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { root } from '../../../oclif-cli/packaging/workspaces.ts'

const HEAD = '<!-- Written by `npm run docs`. -->\n\n'

interface Flag {
  readonly description?: string
  readonly summary?: string
  readonly hidden?: boolean
  readonly type?: string
  readonly char?: string
  readonly options?: readonly string[]
  readonly default?: unknown
  readonly required?: boolean
}

const textOf = (text: string | undefined, program: string, id: string): string =>
  (text ?? '').replaceAll('<%= config.bin %>', program).replaceAll('<%= command.id %>', id).trim()

/** The static members of a command that its help shows. */
interface Described {
  readonly summary?: string
  readonly description?: string
  readonly examples?: readonly (string | { readonly command?: string })[]
  readonly args?: Readonly<Record<string, Flag>>
  readonly flags?: Readonly<Record<string, Flag>>
}

function section(program: string, id: string, command: Described): string {
  const args = Object.entries(command.args ?? {})
  const flags = Object.entries(command.flags ?? {})
  const usage = args.map(([name, { required }]) =>
    required ? name.toUpperCase() : `[${name.toUpperCase()}]`,
  )
  const examples = (command.examples ?? []).flatMap((one) => [
    textOf(typeof one === 'string' ? one : one.command, program, id),
  ])
  const describe = ({ description, summary, options, default: value }: Flag) =>
    [
      textOf(description ?? summary, program, id),
      options ? `one of ${options.map((one) => `\`${one}\``).join(', ')}` : '',
      typeof value === 'string' || typeof value === 'number' ? `default \`${value}\`` : '',
    ]
      .filter(Boolean)
      .join('; ')
      .replaceAll('\n', ' ')
  return [
    `## ${[program, id, ...usage].join(' ')}`,
    `${textOf(command.summary, program, id).replace(/\.$/, '')}.${command.description ? `\n\n${textOf(command.description, program, id)}` : ''}`,
    [
      ...args.map(([name, arg]) => `- \`${name.toUpperCase()}\`: ${describe(arg)}`),
      ...flags
        .filter(([, { hidden }]) => !hidden)
        .map(([name, flag]) => {
          const short = flag.char ? `-${flag.char}, ` : ''
          return `- \`${short}--${name}${flag.type === 'boolean' ? '' : '=VALUE'}\`: ${describe(flag)}`
        }),
    ].join('\n'),
    examples.length === 0 ? '' : `Examples:\n\n\`\`\`text\n${examples.join('\n')}\n\`\`\``,
  ]
    .filter(Boolean)
    .join('\n\n')
}

/** Every command of `mezctl` and `msh`, from their classes, and the help of `mezhub` and `mezd`. */
export async function commandsPage(): Promise<string> {
  const parts: string[] = []
  for (const program of ['mezctl', 'msh']) {
    const { COMMANDS } = (await import(join(root, 'oclif-cli', program, 'command-classes.ts'))) as {
      COMMANDS: Readonly<Record<string, Described>>
    }
    const ids = Object.keys(COMMANDS).sort()
    parts.push(...ids.map((id) => section(program, id.replaceAll(':', ' '), COMMANDS[id]!)))
  }
  for (const [program, file] of [
    ['mezhub', 'core/mezhub.js'],
    ['mezd', 'agent/mezd.js'],
  ] as const) {
    const { stdout } = await promisify(execFile)(process.execPath, [join(root, file), '--help'], {
      cwd: root,
    })
    parts.push(`## ${program}\n\n\`\`\`text\n${stdout.trim()}\n\`\`\``)
  }
  return `${HEAD}# Command line

All programs accept \`--help\` and \`--version\`, and exit with 0 after success, 1 after a failure and 2 after wrong usage.
Commands of \`mezctl\` and \`msh\` also take \`--format text|json|yaml\`, and \`--json\` as its short form. Commands of \`mezctl\`
take \`--data-dir DIR\` to use the admin socket of the hub in this folder.

${parts.join('\n\n')}
`
}
