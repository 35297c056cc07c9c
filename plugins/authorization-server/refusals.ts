import type { Audit } from '@mezite/core'
import { messageOf } from '@mezite/core'
import type Provider from 'oidc-provider'
import { calls } from './calls.ts'

/** Answers to a device whose person has not decided yet: the program asks again. */
const NOT_YET: readonly string[] = ['authorization_pending', 'slow_down']
const LONGEST_CLIENT = 64
const LONGEST_DETAIL = 200

/** The events with which the library reports a refused request, and the step of a program that it was. */
const STEPS = {
  'grant.error': 'token',
  'authorization.error': 'authorization',
  'device_authorization.error': 'device',
  'introspection.error': 'introspection',
  'revocation.error': 'revocation',
  'registration_create.error': 'registration',
  'userinfo.error': 'userinfo',
  'code_verification.error': 'device_code',
} as const
/** The library shows the form again for these and reports no event. */
const WRONG_CODES: readonly string[] = ['NotFoundError', 'ExpiredError', 'AlreadyUsedError']

interface Context {
  readonly oidc: {
    readonly client?: { readonly clientId: string }
    readonly params?: Readonly<Record<string, unknown>>
    readonly session?: { grantIdFor(clientId: string): string | undefined }
    readonly entities?: { readonly Interaction?: { readonly result?: Readonly<Record<string, unknown>> } }
  }
}

/**
 * Makes the library show a page of the hub instead of a redirect with an error, unless the client belongs to an app or the
 * person has let it in: any program may have any redirect URI, and a link to the hub must not lead there without the
 * person's decision (RFC 9700 section 4.11.2).
 */
export function keepErrors(provider: Provider, isOfApp: (clientId: string) => boolean): void {
  const keep = ({ oidc }: Context, error: Error): void => {
    const id = oidc.client?.clientId
    const { consent, error: declined } = oidc.entities?.Interaction?.result ?? {}
    const decided = consent !== undefined || declined !== undefined
    if (id !== undefined && (decided || isOfApp(id) || oidc.session?.grantIdFor(id) !== undefined)) return
    ;(error as { allow_redirect?: boolean }).allow_redirect = false
  }
  for (const event of ['authorization.error', 'server_error'])
    provider.on(event as 'server_error', keep as never)
}

/**
 * Records the requests that the library refuses, each with the code of its error: invalid_client, invalid_grant,
 * invalid_redirect_uri, invalid_request, invalid_scope, invalid_target, unauthorized_client, unsupported_grant_type, …
 * The rates of the endpoints bound them.
 */
export function recordRefusals(provider: Provider, audit: Pick<Audit, 'record'>): void {
  for (const [event, step] of Object.entries(STEPS))
    provider.on(
      event as 'grant.error',
      (({ oidc }: Context, error: Error) => {
        const reason = reasonOf(error)
        if (NOT_YET.includes(reason)) return
        const refused = refusedCall(reason)
        const detail = detailOf(error)
        if (step === STEPS['registration_create.error'])
          return audit.record({ type: 'client.registered', ...refused, fields: { step, detail } })
        const client = oidc.client?.clientId ?? claimed(oidc.params?.client_id)
        audit.record({ type: 'token.issued', ...refused, fields: { client, step, detail } })
      }) as never,
    )
}

/** Records that a person typed a code which no device waits for. An empty form, and a person who refuses the device, are no such thing. */
export function recordWrongCode(error: Error, audit: Pick<Audit, 'record'>): void {
  if (!WRONG_CODES.includes(error.name)) return
  const fields = { client: null, step: STEPS['code_verification.error'], detail: error.message }
  audit.record({ type: 'token.issued', ...refusedCall('invalid_request'), fields })
}

/** Who asked, for the record of a refused request. */
function refusedCall(reason: string) {
  const call = calls.getStore()
  return {
    success: false,
    reason,
    user: call?.hubSession?.user ?? call?.provenUser ?? null,
    clientIp: call?.clientIp ?? null,
    requestId: call?.requestId ?? null,
  }
}

const reasonOf = (error: Error): string => {
  const { error: code } = error as { error?: unknown }
  return typeof code === 'string' && /^[a-z_]{1,64}$/.test(code) ? code : messageOf(error).slice(0, 64)
}

/** What a stranger says that its client is; null if it is not a plain text. */
const claimed = (id: unknown): string | null =>
  typeof id === 'string' && /^[\x21-\x7e]+$/.test(id) ? id.slice(0, LONGEST_CLIENT) : null

/** The library's own words. The detail of an error that another one caused may quote what the program sent. */
function detailOf(error: Error): string | null {
  const { error_detail: detail, error_description: description } = error as {
    error_detail?: unknown
    error_description?: unknown
  }
  const text = error.cause === undefined ? (detail ?? description) : description
  return typeof text === 'string' ? text.slice(0, LONGEST_DETAIL) : null
}
