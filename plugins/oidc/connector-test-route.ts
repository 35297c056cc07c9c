import { type AddRoute, type Audit, Type } from '@mezite/core'
import { testConnector } from './connector-test.ts'
import type { Connectors } from './connectors.ts'
import type { Drafts } from './drafts.ts'
import { DRAFT_TEST_PATH } from './sign-in-test.ts'

const ReportResource = Type.Object({
  ok: Type.Boolean(),
  connector: Type.String(),
  issuer: Type.String(),
  redirect_uri: Type.String(),
  post_logout_redirect_uri: Type.String(),
  backchannel_logout_uri: Type.String(),
  sign_in_test_uri: Type.Optional(Type.String()),
  checks: Type.Array(
    Type.Object({
      name: Type.String(),
      result: Type.String({ description: 'ok, warn or fail' }),
      detail: Type.String(),
    }),
  ),
})

const DEADLINE_MS = 60_000

const draftTest = {
  summary: 'Tests a connector that is not saved',
  // The right to save it, and the same rules about its secret: a test makes the hub send it to the issuer.
  access: 'connector.update',
  everyRight: true,
  deadlineMs: DEADLINE_MS,
  takes: Type.Object({}, { description: 'A document as `PUT /connectors/{name}` takes it' }),
  querystring: Type.Object({
    sign_in: Type.Optional(
      Type.Boolean({ description: 'Also prepare a test of a sign-in in the browser that calls' }),
    ),
  }),
  returns: ReportResource,
} as const

/** `POST /v1/webapi/connectors/<name>/test`, and `POST /v1/webapi/connectors/test` for a document that is not saved. */
export function connectorTestRoute(
  connectors: Connectors,
  deps: Parameters<typeof testConnector>[1] & { readonly drafts: Drafts; readonly audit: Audit },
): (on: AddRoute) => void {
  const { drafts, audit, publicNames } = deps
  return (on) => {
    on(
      'POST /:name/test',
      { access: 'connector.read', deadlineMs: DEADLINE_MS, returns: ReportResource },
      (name) => testConnector(connectors.collection.known(name), deps),
    )
    on('POST /test', draftTest, async (_, { body, query, actor }, reply) => {
      const connector = connectors.draftOf(body)
      const { sign_in_test_uri: _saved, ...report } = await testConnector(connector, deps)
      const isRefused = report.checks.some(({ name, result }) => name === 'credentials' && result === 'fail')
      audit.record({
        type: 'connector.tested',
        success: report.ok,
        reason: report.ok ? null : isRefused ? 'token_refused' : 'provider_unreachable',
        by: actor,
        fields: { name: connector.name, issuer: report.issuer, saved: false },
      })
      const user = actor.subject?.user
      const cookie = query.sign_in && report.ok && user ? drafts.keep(connector, user) : null
      if (cookie === null) return report
      reply.header('set-cookie', cookie)
      return { ...report, sign_in_test_uri: `${publicNames.signInOrigin}${DRAFT_TEST_PATH}` }
    })
  }
}
