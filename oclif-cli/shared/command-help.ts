import type { Command, Config } from '@oclif/core'
import { Help } from '@oclif/core/help'

type Named = Readonly<Record<string, object>>

/** Prints the help of one command from its own class; oclif's way there loads every other command first. */
export async function showCommandHelp(command: Command.Class, config: Config): Promise<void> {
  const described = Object.assign(Object.create(command), {
    flags: named({ ...command.baseFlags, ...command.flags }),
    args: named(command.args),
  })
  await new Help(config).showCommandHelp(described)
}

/** oclif's help wants the names in the values too. */
function named(all: Named): Named {
  return Object.fromEntries(Object.entries(all).map(([name, one]) => [name, { ...one, name }]))
}
