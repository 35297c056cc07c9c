import { randomBytes } from 'node:crypto'
import type { Actor, AuditEvent, AuditInput } from '../api/audit.ts'
import type { ServerCertificate } from '../api/certificates.ts'
import type { SecretBox } from '../api/secret-box.ts'
import { issueCertificate } from '../program/parts/development-certificate.ts'
import { makeEvent } from '../state/audit/event-factory.ts'
import { createSecretBox } from '../state/secrets/secret-box.ts'
import { operator } from '../web/server/admin-socket.ts'

/** A stand-in for the service `secretBox`. A box opens what another one sealed only if both have the same key of 32 bytes. */
export const testSecretBox = (key: Buffer = randomBytes(32)): SecretBox => createSecretBox(key)

/** The operator on the admin socket, as routes pass the caller to a change. */
export const testActor: Actor = Object.freeze({ subject: operator, clientIp: '', id: 'request-1' })

/**
 * A server's certificate with its key, for 90 days from `now` (milliseconds since the epoch), and the certificate of its own
 * authority for clients to trust; all PEM.
 */
export const testCertificate = (
  names: readonly string[],
  now = Date.now(),
): Promise<ServerCertificate & { readonly ca: string }> => issueCertificate(names, now)

/** An event as sinks receive it. `at` is its time in milliseconds since the epoch. Default: now. */
export const testEvent = (
  input: AuditInput,
  { at = Date.now(), cluster = 'test', hub = 'hub-1' }: Partial<TestEventSource> = {},
): AuditEvent => makeEvent(input, { cluster, hub }, at)

/** When and where an event of a test happened. */
export interface TestEventSource {
  readonly at: number
  readonly cluster: string
  readonly hub: string
}
