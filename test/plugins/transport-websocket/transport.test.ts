// together: protocols
import { conformTransport } from '@mezite/core/testing'
import t from 'tap'
import agent from '../../../plugins/transport-websocket/agent.ts'
import hub from '../../../plugins/transport-websocket/hub.ts'
import { transportParts } from '../transport-parts.ts'

conformTransport(t, transportParts(hub, agent))
