import { commandClasses } from '@mezite/cli'
import { commands } from './program.ts'

/** The class of every command by its oclif id, for help and completion. */
export const COMMANDS = await commandClasses(commands, import.meta.url)
