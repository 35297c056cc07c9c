import { CliError, parseList } from '@mezite/cli-shared'

const ROLE = /^[a-z0-9][a-z0-9._-]{0,62}$/

/** `--roles a,b` as a list; what cannot be the name of a role is wrong usage. */
export function parseRoles(text: string): string[] {
  const roles = parseList(text)
  const wrong = roles.find((role) => !ROLE.test(role))
  if (wrong === undefined) return roles
  throw new CliError('MEZ_USAGE', `--roles: ${JSON.stringify(wrong)} cannot be the name of a role`, {
    hint: 'A role has small letters, digits and . _ - in its name, at most 63, the first a letter or a digit.',
  })
}
