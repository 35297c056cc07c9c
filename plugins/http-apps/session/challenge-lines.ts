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
  { host, target, lines }: Pick<AppRequest, 'host' | 'target' | 'lines'>,
  { status, code }: Pick<Problem, 'status' | 'code'>,
  presented: boolean,
  maxAgeMs: number | null = null,
): string[] {
  const origin = publicOrigin(host.host, publicNames)
  const at = lines.findIndex((name, at) => at % 2 === 0 && name.toLowerCase() === 'user-agent')
  const userAgent = at === -1 ? '' : (lines[at + 1] ?? '')
  return access.callers
    .challenges({ origin, status, code, presented, maxAgeMs, target, userAgent })
    .flatMap((text) => ['WWW-Authenticate', text])
}
