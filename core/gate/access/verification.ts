import type { VerificationDemand } from '../../api/access.ts'
import type { Caller } from '../../api/admission.ts'
import type { App } from '../../api/app.ts'
import type { HubHooks } from '../../api/hub-hooks.ts'
import { type UnidentifiedRequest, type Verification, verifiers } from '../../api/verifiers.ts'
import { withDeadline } from '../../kernel/deadline.ts'
import { messageOf } from '../../kernel/error.ts'
import type { Kernel } from '../../kernel/kernel.ts'
import type { Log } from '../../kernel/log.ts'
import { readingsOf } from './path-readings.ts'

const DEADLINE_MS = 2_000
const MOST_BYTES = 1_048_576
const RULE = /^[a-z0-9][a-z0-9-]{0,62}$/

/** Callers that a verifier has accepted; no other object admits a request. */
const accepted = new WeakMap<object, UnidentifiedRequest['app']>()

/** Whether a verifier has accepted a request to this app for the caller. */
export const isAccepted = (who: Caller, app: UnidentifiedRequest['app']): boolean =>
  accepted.get(who)?.id === app.id

/** Asks the entries of the slot `verifiers`, in order; the first one with a rule decides. */
export function createVerification({
  kernel,
  log,
}: {
  readonly kernel: Pick<Kernel<HubHooks>, 'slot'>
  readonly log: Log
}) {
  function accept({ rule, hides }: Verification, { app }: UnidentifiedRequest): Caller {
    const who: Caller = Object.freeze({ kind: 'verified', rule, ...(hides && { hides }) })
    accepted.set(who, app)
    return who
  }

  function failed(name: string, error: unknown): null {
    log.error({ verifier: name, cause: messageOf(error) }, 'a request could not be verified')
    return null
  }

  async function checked(name: string, found: Verification, request: UnidentifiedRequest, bytes: Buffer) {
    try {
      const result = await withDeadline(
        async () => found.body?.check(bytes),
        DEADLINE_MS,
        () => new Error(`it took longer than ${DEADLINE_MS} ms`),
      )
      return result === true ? accept(found, request) : refused(found)
    } catch (error) {
      failed(name, error)
      return refused(found)
    }
  }

  return (
    received: Omit<UnidentifiedRequest, 'readings'>,
    cookie = false,
  ): Caller | VerificationDemand | null => {
    const request = withReadings(received)
    for (const { name, verify, webSockets, besideCookies } of kernel.slot(verifiers)) {
      if (request.webSocket && webSockets !== true) continue
      if (cookie && !(besideCookies && Object.hasOwn(request.app.plugins ?? {}, name))) continue
      try {
        const found = verify(request)
        if (found === null) continue
        const { rule, body } = found
        if (!RULE.test(rule)) throw new TypeError('a rule needs a name of small letters, digits and hyphens')
        if (found.refuse !== undefined) return refused(found)
        if (body === undefined) return accept(found, request)
        if (request.webSocket) throw new TypeError('the opening of a WebSocket has no body to check')
        const limit = Math.min(body.limit, MOST_BYTES)
        return { limit, unread: refused(found), check: (bytes) => checked(name, found, request, bytes) }
      } catch (error) {
        failed(name, error)
      }
    }
    return null
  }
}

/** The certificate authorities of the clients that a verifier wants to see at this app; null: none does. */
export function clientCasOf(
  app: App | undefined,
  { kernel, log }: Parameters<typeof createVerification>[0],
): readonly string[] | null {
  if (app?.plugins === undefined) return null
  for (const { name, clientCas } of kernel.slot(verifiers)) {
    if (clientCas === undefined || !Object.hasOwn(app.plugins, name)) continue
    try {
      const found = clientCas(app)
      if (found.length > 0) return found
    } catch (error) {
      log.error({ verifier: name, cause: messageOf(error) }, 'no client is asked for its certificate')
    }
  }
  return null
}

function refused({ rule, refuse: code = 'verification_failed' }: Verification): Caller {
  return { kind: 'refused', status: code === 'too_many_requests' ? 429 : 401, code, rule }
}

/** Its path is read when an entry looks at it. */
function withReadings(received: Omit<UnidentifiedRequest, 'readings'>): UnidentifiedRequest {
  let known: UnidentifiedRequest['readings'] | undefined
  return {
    ...received,
    get readings() {
      if (known === undefined) known = readingsOf(received.target.split('?', 1)[0] as string)
      return known
    },
  }
}
