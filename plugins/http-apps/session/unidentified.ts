import type { UnidentifiedRequest } from '@mezite/core/types'
import type { AppRequest } from '../request/app-request.ts'

/** What verifiers see of a request; null: its app is not known. */
export function unidentified(request: AppRequest): Omit<UnidentifiedRequest, 'readings'> | null {
  const { app, method, target, clientIp, lines: headers, origin, connection } = request
  if (app === undefined) return null
  const { certificate } = connection
  const certificateFault = connection.trustedProxy ? 'TRUSTED_PROXY' : connection.certificateFault
  return {
    ...{ app, method, target, clientIp, headers },
    preflightFrom: request.preflight && origin !== undefined ? origin : null,
    ...(request.upgrade && { webSocket: true }),
    ...(certificate && { certificate }),
    ...(certificateFault && { certificateFault }),
  }
}
