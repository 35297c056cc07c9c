import type { Audit, Subject } from '@mezite/core'

/** Who reads the trail is part of it. */
export function recordRead(
  audit: Audit,
  { subject, clientIp, id }: { readonly subject: Subject; readonly clientIp: string; readonly id: string },
  resource: string,
): void {
  const { user, roles, sessionId } = subject
  const fields = { resource }
  audit.record({
    type: 'audit.read',
    success: true,
    user,
    roles,
    clientIp,
    sessionId,
    requestId: id,
    fields,
  })
}
