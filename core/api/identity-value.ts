/** A fact about a person that an identity header can carry. */
export type IdentityFact =
  | 'user'
  | 'user.local'
  | 'user.domain'
  | 'email'
  | 'email.local'
  | 'email.domain'
  | 'name'

/**
 * The content of an identity header: the user's name, the e-mail address or the display name that the provider vouches
 * for, the roles separated by commas (`roles`) or one header line for each (`each_role`), the signed assertion, or a
 * template with facts in braces such as `{email.local}`.
 */
export type IdentityValue =
  | 'user'
  | 'email'
  | 'name'
  | 'roles'
  | 'each_role'
  | 'assertion'
  | `${string}{${IdentityFact}}${string}`

/** The pattern of `IdentityValue`, for schemas: a keyword, or printable ASCII around at least one fact. */
export const IDENTITY_VALUE = (() => {
  const fact = '\\{(?:name|(?:user|email)(?:\\.(?:local|domain))?)\\}'
  const template = `(?! )[ -z|~]*(?:${fact}[ -z|~]*)+(?<! )`
  return `^(?:user|email|name|roles|each_role|assertion|${template})$`
})()
