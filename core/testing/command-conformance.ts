import type { ConformTest } from './conformance-test.ts'

/** The parts of a command's class that its help shows; a command of `@mezite/cli` has them. */
export interface CommandUnderTest {
  readonly summary?: string | undefined
  readonly description?: string | undefined
  readonly examples?: readonly unknown[] | undefined
  readonly flags?: Readonly<Record<string, FlagUnderTest>> | undefined
  readonly baseFlags?: Readonly<Record<string, FlagUnderTest>> | undefined
}

/** One flag of a command. */
export interface FlagUnderTest {
  readonly char?: string | undefined
  readonly summary?: string | undefined
  readonly description?: string | undefined
}

const ID = /^[a-z][a-z0-9-]*([ :][a-z][a-z0-9-]*)*$/
const FLAG = /^[a-z][a-z0-9-]*$/

/**
 * Checks the commands of a package, by id, as people and scripts find them: a summary for the list of commands, help for
 * every flag, short forms that are unique, and the output formats of the built-in commands.
 */
export function conformCommand(t: ConformTest, commands: Readonly<Record<string, CommandUnderTest>>): void {
  const all = Object.entries(commands)

  t.test('each command has a name and a summary of one line', async (t) => {
    t.ok(all.length > 0, 'there are commands')
    for (const [id, { summary = '' }] of all) {
      t.ok(ID.test(id), `"${id}" has small letters, digits and hyphens`)
      t.ok(
        summary.trim() !== '' && !/\n|\.$/.test(summary),
        `${id}: "${summary}" is one line without a full stop`,
      )
    }
  })

  t.test('examples have the name of the program that runs them', async (t) => {
    for (const [id, { examples = [] }] of all) {
      const texts = examples.map((one) => (typeof one === 'string' ? one : String(Object(one).command)))
      const bare = texts.filter((text) => !text.includes('<%= config.bin %>'))
      t.ok(bare.length === 0, `${id}: ${bare.join('; ') || 'each has <%= config.bin %>'}`)
    }
  })

  t.test('each flag has a name, help, and a short form of its own', async (t) => {
    for (const [id, { flags = {}, baseFlags = {} }] of all) {
      const chars = new Map<string, string>()
      for (const [name, { char, summary, description }] of Object.entries({ ...baseFlags, ...flags })) {
        t.ok(FLAG.test(name), `${id} --${name}: small letters, digits and hyphens`)
        t.ok((summary ?? description ?? '') !== '', `${id} --${name} has help`)
        if (char === undefined) continue
        t.ok(
          !chars.has(char),
          `${id} -${char} is --${name}${chars.has(char) ? ` and --${chars.get(char)}` : ''}`,
        )
        chars.set(char, name)
      }
    }
  })

  t.test('each command has the output formats of the built-in commands', async (t) => {
    for (const [id, { flags = {}, baseFlags = {} }] of all) {
      const missing = ['format', 'json'].filter((name) => !(name in baseFlags) && !(name in flags))
      t.ok(missing.length === 0, `${id}: ${missing.map((name) => `no --${name}`).join(', ') || 'both'}`)
    }
  })
}
