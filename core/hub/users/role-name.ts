/** The pattern of a role's name, for schemas. */
export const ROLE_NAME = '^[a-z0-9][a-z0-9._-]{0,62}$'

const ROLE = new RegExp(ROLE_NAME)

/** Whether a value of any type is the name of a role. */
export const isRoleName = (value: unknown): value is string => typeof value === 'string' && ROLE.test(value)
