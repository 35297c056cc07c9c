import { lookup } from 'node:dns'
import type { LookupFunction } from 'node:net'

/** A `lookup` for sockets that resolves names under `.localhost` to loopback itself (RFC 6761 section 6.3). */
export const lookupLocalhost: LookupFunction = (hostname, options, callback) => {
  if (!/\.localhost\.?$/i.test(hostname)) return lookup(hostname, options, callback)
  if (options.all) return callback(null, [{ address: '127.0.0.1', family: 4 }])
  return callback(null, '127.0.0.1', 4)
}
