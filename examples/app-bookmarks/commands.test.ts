import { test } from 'node:test'
import { conformCommand, conformTest } from '@mezite/core/testing'
import { COMMANDS } from './commands.ts'

conformCommand(conformTest(test), COMMANDS)
