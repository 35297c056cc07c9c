/** The pattern of a role's name, for a schema. */
export const ROLE_NAME = '^[a-z0-9][a-z0-9._-]{0,62}$'
