/**
 * Loaded into an agent before its own modules: its connections to the port of the hub go to the address behind a path. Names under
 * `.localhost` are this machine itself, and over some transports a hub answers to its name alone. Environment: `FAR_HUB`, as
 * `ADDRESS:PORT`.
 */
import { Socket } from 'node:net'

const [host, port] = (process.env.FAR_HUB ?? '').split(':')
const { connect } = Socket.prototype

Socket.prototype.connect = function (this: Socket, ...given: unknown[]) {
  // `net.connect` passes a list of its arguments.
  const [options] = (Array.isArray(given[0]) ? given[0] : given) as [{ host?: string; port?: unknown }]
  if (typeof options === 'object' && String(options.port) === port) Object.assign(options, { host })
  return connect.apply(this, given as never)
} as typeof connect
