// together: quick
/** What a program of msh gets for each refusal of the gate: there is no browser to send to sign-in. */
import type { App } from '@mezite/core'
import type { Refusal } from '@mezite/core/protocol'
import t from 'tap'
import { createCallers } from '../../../core/gate/access/callers.ts'
import type { Deps } from '../../../plugins/http-apps/deps.ts'
import type { AppRequest } from '../../../plugins/http-apps/request/app-request.ts'
import { admit } from '../../../plugins/http-apps/session/admission.ts'

const app = {
  id: 'a',
  name: 'a',
  publicAddr: 'a.apps.test',
  protocol: 'http',
  origins: [],
} as unknown as App

/** The status and the code of the response; `asked` is what the gate was asked. */
async function respond(refusal: Partial<Refusal>, more: object = {}, known: App | undefined = app) {
  const asked: unknown[] = []
  const recorded: unknown[] = []
  const deps = {
    audit: { record: (event: { reason: string }) => recorded.push(event.reason) },
    access: {
      callers: createCallers({ log: {} as never }),
      helpFor: () => [],
      holdFor: () => undefined,
      readerFor: () => undefined,
      verify: () => null,
      admit(query: unknown) {
        asked.push(query)
        return { message: null, link: null, requirements: [], subject: { user: 'ada' }, ...refusal }
      },
    },
    pages: { languageOf: () => 'en', reasonOf: () => undefined },
    publicNames: { hubOrigin: 'https://hub.test', signInOrigin: 'https://login.test', portSuffix: '' },
  } as unknown as Deps
  const request = {
    ...{
      method: 'GET',
      target: '/',
      host: { host: 'a.apps.test' },
      app: known,
      clientIp: '203.0.113.9',
      requestId: 'r',
    },
    lines: [],
    cookies: [],
    proofs: [],
    preflight: false,
    ...more,
  } as unknown as AppRequest
  const result = await admit(deps, request, { appId: 'a', sessionId: 's' })
  const { status, body } = result as { status: number; body: string }
  return {
    asked,
    recorded,
    status,
    code: result.kind === 'admitted' ? null : (JSON.parse(body) as { code: string }).code,
  }
}

t.test('each refusal is a status and a code, never a redirect', async (t) => {
  const refusals: readonly (readonly [Partial<Refusal>, number, string])[] = [
    [{ outcome: 'stale', status: 503, code: 'view_stale' }, 503, 'view_stale'],
    [{ outcome: 'unauthenticated', status: 401, code: 'session_ended' }, 401, 'session_ended'],
    [{ outcome: 'denied', status: 403, code: 'connector_not_allowed' }, 403, 'connector_not_allowed'],
    [{ outcome: 'required', status: 403, code: 'session_mfa_required' }, 403, 'session_mfa_required'],
    [{ outcome: 'disabled', status: 503, code: 'app_disabled' }, 503, 'app_disabled'],
    [{ outcome: 'unavailable', status: 404, code: 'app_unknown' }, 404, 'app_unknown'],
    [{ outcome: 'unavailable', status: 400, code: 'protocol_mismatch' }, 404, 'app_unknown'],
    [{ outcome: 'unavailable', status: 503, code: 'audit_unavailable' }, 503, 'audit_unavailable'],
  ]
  for (const [refusal, status, code] of refusals) {
    const { asked, recorded, ...response } = await respond(refusal)
    t.strictSame(response, { status, code })
    t.strictSame(recorded, [], 'the gate has recorded it')
    t.match(asked, [{ who: { kind: 'cert', sessionId: 's' }, app, protocol: 'http', objection: null }])
  }
})

t.test('a stream serves its one app, and none of the paths that the hub reserves', async (t) => {
  for (const more of [{ host: { host: 'b.apps.test' } }, { target: '/.mezite/session' }]) {
    const { asked, recorded, ...response } = await respond({}, more)
    t.strictSame(response, { status: 421, code: 'misdirected' })
    t.strictSame({ asked, recorded }, { asked: [], recorded: [] }, 'counted only')
  }
})
