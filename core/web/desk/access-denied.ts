import { Problem } from '../../api/problem.ts'
import type { DenialDetails } from '../pages/error-pages.ts'

/** A signed-in person may not open an app. */
export class AccessDenied extends Problem {
  readonly details: DenialDetails

  constructor(
    status: number,
    code: string,
    message: string,
    members: Readonly<Record<string, unknown>>,
    details: DenialDetails,
  ) {
    super(status, code, message, members)
    this.details = details
  }
}
