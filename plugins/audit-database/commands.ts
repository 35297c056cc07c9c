import { AuditExport, AuditLs, AuditVerify } from './commands/audit.ts'
import { AuditTail } from './commands/audit-tail.ts'

/** The commands of `mezctl` by id. */
export const COMMANDS = {
  'audit:ls': AuditLs,
  'audit:export': AuditExport,
  'audit:tail': AuditTail,
  'audit:verify': AuditVerify,
}
