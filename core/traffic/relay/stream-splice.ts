import { constants } from 'node:http2'
import type { Pipe } from '../../api/tunnel.ts'
import { isMezError } from '../../kernel/error.ts'
import { LINK_LOST_CODE } from '../tunnel/tunnel-dialer.ts'

/**
 * Passes bytes between the stream of another hub and the one to the agent, with back-pressure. An end closes its direction,
 * a reset of one resets the other at once, and the other hub learns when the link to the agent was lost.
 */
export function splice(theirs: Pipe, agent: Pipe, reset: (code: number) => void): void {
  join(theirs, agent)
  join(agent, theirs)
  theirs.onclose = (error) => {
    if (error) agent.destroy()
  }
  agent.onclose = (error) => {
    if (error) reset(isMezError(error, 'MEZ_LINK_LOST') ? LINK_LOST_CODE : constants.NGHTTP2_CONNECT_ERROR)
  }
}

function join(from: Pipe, to: Pipe): void {
  from.ondata = (chunk) => {
    if (!to.write(chunk)) from.pause()
  }
  from.onend = () => to.end()
  to.ondrain = () => from.resume()
}
