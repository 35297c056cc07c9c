import type { Audit } from '@mezite/core'
import type { Adapter, AdapterPayload, errors } from 'oidc-provider'
import type { AppClients } from './app-clients.ts'
import { calls } from './calls.ts'
import type { OperatorClients } from './operator-clients.ts'
import type { Records } from './records.ts'

/** Programs that registered themselves and that nobody lets in: beyond this many, the oldest go. */
const MOST_UNUSED = 200
const LONGEST = 8_192
/** A secret that anybody can have issued proves nothing, and would be stored in clear. */
const AUTHENTICATION: readonly unknown[] = ['none', 'private_key_jwt']

/** Stores clients that registered themselves, and finds those of apps and of operators too. */
export function clientAdapter(deps: {
  readonly records: Records
  readonly appClients: Pick<AppClients, 'metadata'>
  readonly operatorClients: Pick<OperatorClients, 'metadata'>
  readonly audit: Pick<Audit, 'record'>
  readonly thrown: Pick<typeof errors, 'InvalidClientMetadata'>
}): Adapter {
  const { records, appClients, operatorClients, audit, thrown } = deps
  const stored = records.adapter('Client')
  return {
    ...stored,
    async find(id) {
      const own = appClients.metadata(id) ?? operatorClients.metadata(id)
      if (own) return own
      const registered = (await stored.find(id)) as AdapterPayload | undefined
      return registered && 'jwks_uri' in registered ? undefined : registered
    },
    async upsert(id, payload, ttlSeconds) {
      const metadata = payload as Readonly<Record<string, unknown>>
      if (!AUTHENTICATION.includes(metadata.token_endpoint_auth_method))
        throw new thrown.InvalidClientMetadata('token_endpoint_auth_method must be none or private_key_jwt')
      // Nobody has signed in to register, so that a stranger could have the hub open any address.
      if (metadata.jwks_uri !== undefined)
        throw new thrown.InvalidClientMetadata('jwks_uri is not fetched: send the keys as jwks')
      if (JSON.stringify(payload).length > LONGEST)
        throw new thrown.InvalidClientMetadata('the metadata is too long')
      await stored.upsert(id, payload, ttlSeconds as number)
      await records.keepUsedClients(MOST_UNUSED)
      const call = calls.getStore()
      audit.record({
        type: 'client.registered',
        success: true,
        clientIp: call?.clientIp ?? null,
        requestId: call?.requestId ?? null,
        fields: { name: String(metadata.client_name ?? '').slice(0, 64), client: id, kind: 'registered' },
      })
    },
  }
}
