import { lookup } from 'node:dns'
import type { LookupFunction } from 'node:net'

/** A `lookup` for sockets that answers `localhost` and names below it with loopback itself (RFC 6761 section 6.3). */
export const lookupLoopback: LookupFunction = (hostname, options, callback) => {
  if (!/(^|\.)localhost\.?$/i.test(hostname)) return lookup(hostname, options, callback)
  if (options.all) return callback(null, [{ address: '127.0.0.1', family: 4 }])
  return callback(null, '127.0.0.1', 4)
}
