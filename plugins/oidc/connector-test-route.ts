import { type AddRoute, Type } from '@mezite/core'
import { testConnector } from './connector-test.ts'
import type { Connectors } from './connectors.ts'

const ReportResource = Type.Object({
  ok: Type.Boolean(),
  connector: Type.String(),
  issuer: Type.String(),
  redirect_uri: Type.String(),
  post_logout_redirect_uri: Type.String(),
  backchannel_logout_uri: Type.String(),
  sign_in_test_uri: Type.String(),
  checks: Type.Array(
    Type.Object({
      name: Type.String(),
      result: Type.String({ description: 'ok, warn or fail' }),
      detail: Type.String(),
    }),
  ),
})

/** `POST /v1/webapi/connectors/<name>/test`. */
export function connectorTestRoute(
  connectors: Connectors,
  deps: Parameters<typeof testConnector>[1],
): (on: AddRoute) => void {
  return (on) =>
    on(
      'POST /:name/test',
      { access: 'connector.read', deadlineMs: 60_000, returns: ReportResource },
      (name) => testConnector(connectors.collection.known(name), deps),
    )
}
