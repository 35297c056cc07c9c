import { conformTransport } from '@mezite/core/testing'
import t from 'tap'
import agent from '../../../plugins/transport-webtransport/agent.ts'
import hub from '../../../plugins/transport-webtransport/hub.ts'
import { transportParts } from '../transport-parts.ts'

conformTransport(t, transportParts(hub, agent))
