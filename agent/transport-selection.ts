import { type AgentTransport, MezError } from '@mezite/core/agent'
import { CONFIG_HINT } from './agent-schema.ts'

/** Those that `tunnel.transports` names, in its order; all when it names none. Throws `MEZ_CONFIG_INVALID` and, when two have one name, `MEZ_SERVICE_TWICE`. */
export function chooseTransports(
  found: readonly AgentTransport[],
  wanted: readonly string[] | undefined,
): readonly AgentTransport[] {
  const twin = found.find(({ name }, at) => found.findIndex((each) => each.name === name) !== at)
  if (twin) throw new MezError('MEZ_SERVICE_TWICE', `there are two transports named '${twin.name}'`)
  if (!wanted || wanted.length === 0) return found
  return wanted.map((name) => {
    const transport = found.find((each) => each.name === name)
    if (transport) return transport
    const known = found.map((each) => each.name).join(', ') || 'none'
    const what = `tunnel.transports: there is no ${name}; there is ${known}`
    throw new MezError('MEZ_CONFIG_INVALID', what, { hint: CONFIG_HINT })
  })
}
