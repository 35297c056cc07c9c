import type { Problem } from '@mezite/core'
import type { Deps } from '../deps.ts'
import type { AppRequest } from '../request/app-request.ts'
import { publicOrigin } from '../request/origin.ts'

/**
 * Lines of `WWW-Authenticate` that entries of `credentials` add to a refusal, so that programs learn how to get a credential.
 * `presented`: the request had a credential in a header.
 */
export function challengeLines(
  { access, publicNames }: Pick<Deps, 'access' | 'publicNames'>,
  { host }: Pick<AppRequest, 'host'>,
  { status, code }: Pick<Problem, 'status' | 'code'>,
  presented: boolean,
): string[] {
  const origin = publicOrigin(host.host, publicNames)
  return access.callers
    .challenges({ origin, status, code, presented })
    .flatMap((text) => ['WWW-Authenticate', text])
}
