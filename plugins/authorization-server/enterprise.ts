import { type Static, Type, type User, type Users } from '@mezite/core'

/** The grant by which a program presents an assertion (RFC 7523). */
export const JWT_BEARER = 'urn:ietf:params:oauth:grant-type:jwt-bearer'
/** The type of an assertion, as RFC 8693 names it. */
export const ID_JAG_TOKEN = 'urn:ietf:params:oauth:token-type:id-jag'
/** As metadata of authorization servers name the use of identity assertions. */
export const ID_JAG_PROFILE = 'urn:ietf:params:oauth:grant-profile:id-jag'

/** A provider that lets its people use programs at this hub, without a consent of each person. */
export const EnterpriseTrust = Type.Closed({
  issuer: Type.String({
    maxLength: 512,
    pattern:
      '^(?:https://[^\\s?#]+|http://(?:127\\.0\\.0\\.1|localhost|\\[::1\\])(?::\\d+)?(?:/[^\\s?#]*)?)$',
    description: 'Whose assertions count, as `iss` names it: the issuer at which these people sign in',
  }),
  connector: Type.String({
    minLength: 1,
    maxLength: 63,
    description: 'The connector by which these people sign in to the hub',
  }),
  client_ids: Type.Array(Type.String({ minLength: 1, maxLength: 2_048 }), {
    minItems: 1,
    maxItems: 100,
    description: 'Client IDs of the programs that may present assertions; each needs a key or a secret',
  }),
  claim: Type.String({
    default: 'sub',
    minLength: 1,
    maxLength: 64,
    description: 'The claim with the person’s `sub` at the connector',
  }),
  jwks_uri: Type.Optional(
    Type.String({
      maxLength: 512,
      pattern: '^https?://[^\\s#]+$',
      description: 'Where the keys of the issuer are. Default: found by discovery',
    }),
  ),
})

export type EnterpriseTrust = Static<typeof EnterpriseTrust>

/**
 * The account of a person by what a connector has stored about their last sign-in. Never by name or e-mail address, which
 * another person may have next. Null: nobody signed in as this person, or several accounts did.
 */
export function accountOf(
  users: Pick<Users, 'list'>,
  { issuer, connector }: Pick<EnterpriseTrust, 'issuer' | 'connector'>,
  sub: string,
): (User & { readonly holder: string }) | null {
  const [found, ...others] = users
    .list()
    .filter(
      (user) => user.connector === connector && user.identity?.issuer === issuer && user.identity.sub === sub,
    )
  if (found === undefined || found.holder === null || others.length > 0) return null
  return { ...found, holder: found.holder }
}
