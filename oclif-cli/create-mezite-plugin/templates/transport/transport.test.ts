import { test } from 'node:test'
import { conformPlugin, conformTest } from '@mezite/core/testing'
import agent from './agent.ts'
import hub from './hub.ts'

// `conformTransport` of the kit carries tunnels through both halves; it takes a minute.
conformPlugin(conformTest(test), hub)
conformPlugin(conformTest(test), agent)
