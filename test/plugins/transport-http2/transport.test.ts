// together: quick
// long
import { conformTransport } from '@mezite/core/testing'
import t from 'tap'
import agent from '../../../plugins/transport-http2/agent.ts'
import hub from '../../../plugins/transport-http2/hub.ts'
import { transportParts } from '../transport-parts.ts'

conformTransport(t, transportParts(hub, agent))
