import type { Command } from '@oclif/core'
import { commands } from './commands.ts'

/** Every command's class by its oclif id: read for help, completion and suggestions only. */
export const COMMANDS: Record<string, Command.Class> = Object.fromEntries(
  await Promise.all(
    Object.entries(commands).map(async ([id, load]) => [
      id.replaceAll(' ', ':'),
      (await load()).default as Command.Class,
    ]),
  ),
)
