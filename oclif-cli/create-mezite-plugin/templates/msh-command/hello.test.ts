import { test } from 'node:test'
import { conformCommand, conformTest } from '@mezite/core/testing'
import Hello from './hello.ts'

conformCommand(conformTest(test), { hello: Hello })
