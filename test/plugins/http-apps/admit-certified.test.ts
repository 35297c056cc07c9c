/** Each condition of a request of msh, alone: whatever stands before this gate, one that fails is enough. */
import t from 'tap'
import type { Deps } from '../../../plugins/http-apps/deps.ts'
import type { AppRequest } from '../../../plugins/http-apps/request/app-request.ts'
import { admitCertified } from '../../../plugins/http-apps/session/admission.ts'

/** The status and the code of the answer where all is well but for `wrong`; `admitted`. */
async function admit(wrong: object = {}): Promise<string> {
  const world = {
    ...{ fresh: true, kind: 'cert', alive: true, known: true, protocol: 'http', host: 'a.apps.test' },
    ...{ target: '/', effect: 'allow', enabled: true, accepting: true, ...wrong },
  }
  const app = {
    ...{ id: 'a', name: 'a', publicAddr: 'a.apps.test', origins: [] },
    ...{ enabled: world.enabled, protocol: world.protocol },
  }
  const deps = {
    access: { decide: () => ({ effect: world.effect, reason: 'role_missing', roles: [], requirements: [] }) },
    audit: { accepting: world.accepting, record() {} },
    catalog: { byId: () => (world.known ? app : undefined) },
    revisions: { fresh: () => world.fresh, revision: 1 },
    publicNames: { hubOrigin: 'https://hub.test', signInOrigin: 'https://login.test', portSuffix: '' },
    sessions: {
      byId: () => ({ id: 's', kind: world.kind }),
      subjectOf: () => (world.alive ? { user: 'ada', roles: [] } : undefined),
      touch() {},
    },
  } as unknown as Deps
  const request = {
    ...{ method: 'GET', target: world.target, host: { host: world.host }, clientIp: '203.0.113.9' },
    ...{ lines: [], cookies: [], preflight: false },
  } as unknown as AppRequest
  const verdict = await admitCertified(deps, request, 'r', { appId: 'a', sessionId: 's' } as never)
  return verdict.kind === 'admitted' ? 'admitted' : JSON.stringify(verdict)
}

t.test('a request of msh is admitted when all is well', async (t) => {
  t.equal(await admit(), 'admitted')
})

t.test('each thing that is wrong refuses it', async (t) => {
  const wrongs: readonly (readonly [code: string, wrong: object])[] = [
    ['view_stale', { fresh: false }],
    ['app_unknown', { known: false }],
    ['app_unknown', { protocol: 'tcp' }],
    ['misdirected', { host: 'b.apps.test' }],
    ['misdirected', { target: '/.mezite/session' }],
    ['session_ended', { alive: false }],
    ['session_ended', { kind: 'hub' }],
    ['session_ended', { kind: 'app' }],
    ['role_missing', { effect: 'require' }],
    ['app_disabled', { enabled: false }],
    ['audit_unavailable', { accepting: false }],
  ]
  for (const [code, wrong] of wrongs) t.match(await admit(wrong), code, JSON.stringify(wrong))
})
