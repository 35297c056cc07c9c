import { test } from 'node:test'
import { agentTransports, transports } from '@mezite/core/protocol'
import { conformPlugin, conformTest, conformTransport, createTestHost } from '@mezite/core/testing'
import agent from './agent.ts'
import hub from './hub.ts'

conformPlugin(conformTest(test), hub)
conformPlugin(conformTest(test), agent)

// Carries bytes and tunnels through both halves. Without `quick` it also tries many streams and slow ways, for a minute.
const [hubHalf] = createTestHost(hub).slot(transports)
const [agentHalf] = createTestHost<'agent'>(agent).slot(agentTransports)
conformTransport(conformTest(test), { hub: hubHalf!, agent: agentHalf! }, { quick: true })
