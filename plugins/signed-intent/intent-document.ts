import { randomBytes } from 'node:crypto'
import type { AuditInput, Session } from '@mezite/core'
import type { HeldRequest, PasskeySignature } from '@mezite/core/types'
import { canonical, fieldsOf, type Intent, pathOf, sha256 } from './intent.ts'
import type { SentencePart } from './sentences.ts'

/** What is stored of an intent, for the pages of every hub. */
export interface IntentDocument {
  readonly intent: Intent
  readonly target: string
  readonly sentence: readonly SentencePart[] | null
  readonly signer: 'self' | 'other'
  readonly holder: string | null
  readonly clientIp: string
  readonly program: boolean
  readonly requestId: string
  readonly sessionId: string
  readonly returnTo: string | null
}

/** Who signed, and with what. */
export interface SignedBy extends PasskeySignature {
  readonly user: string
  readonly sessionId: string
  readonly at: number
}

/** `known` is what the request does not say: when it came, the sign-in host, who holds the caller's name, and what it does in words. */
export function documentOf(
  request: HeldRequest,
  known: { readonly now: number; readonly domain: string } & Pick<
    IntentDocument,
    'signer' | 'holder' | 'sentence'
  >,
): IntentDocument {
  const { now, domain, ...shown } = known
  const { app, subject, method, target, contentType, body, clientIp, requestId, returnTo } = request
  const path = pathOf(target)
  const intent: Intent = {
    app: app.name,
    app_id: app.id,
    body_bytes: body.bytes,
    body_sha256: body.sha256,
    caller: subject.user,
    content_type: contentType,
    domain,
    id: randomBytes(16).toString('base64url'),
    method,
    path,
    query_sha256: path === target ? null : sha256(target.slice(path.length + 1)).toString('hex'),
    time: new Date(now).toISOString(),
    type: 'mezite-intent/1',
  }
  return {
    ...shown,
    intent,
    target,
    clientIp,
    program: returnTo === null,
    requestId,
    sessionId: subject.sessionId as string,
    returnTo,
  }
}

/** The event about a decision of the person with this session; `proof` is null if they declined. */
export function eventOf(
  { intent, requestId, clientIp }: IntentDocument,
  session: Session,
  roles: readonly string[] | null,
  proof: SignedBy | null,
): AuditInput {
  const { app, method, path, caller, body_bytes, body_sha256 } = intent
  const what = { app, method, path, caller, body_bytes, body_sha256 }
  return {
    type: proof === null ? 'intent.declined' : 'intent.signed',
    success: true,
    user: session.user,
    roles,
    clientIp,
    sessionId: session.id,
    requestId,
    fields:
      proof === null
        ? what
        : {
            ...what,
            signer: session.user,
            credential_id: proof.credentialId,
            ...fieldsOf('statement', canonical(intent).toString('base64url')),
            ...fieldsOf('public_key', Buffer.from(JSON.stringify(proof.publicKey)).toString('base64url')),
            authenticator_data: proof.authenticatorData,
            ...fieldsOf('client_data', proof.clientDataJSON),
            signature: proof.signature,
          },
  }
}
