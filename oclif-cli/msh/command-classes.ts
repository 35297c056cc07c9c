import { commandClasses } from '@mezite/cli-shared'
import { commands } from './commands.ts'

/** Every command's class by its oclif id: read for help and completion only. */
export const COMMANDS = await commandClasses(commands)
