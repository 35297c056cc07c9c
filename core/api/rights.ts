/** What administrators do with the things of one kind. */
const ADMIN_VERBS = [
  ...(['list', 'read', 'create', 'update', 'delete'] as const),
  ...(['enable', 'end', 'review', 'invite'] as const),
] as const
export type AdminVerb = (typeof ADMIN_VERBS)[number]

/** The right that a call needs, such as `app.update`: a kind of things, as in events and `kinds` of roles, and a verb. */
export type AdminRight = `${string}.${AdminVerb}`

const RIGHT = new RegExp(`^[a-z][a-z0-9_-]*\\.(${ADMIN_VERBS.join('|')})$`)

/** Whether a value is a right. */
export const isAdminRight = (value: unknown): value is AdminRight =>
  typeof value === 'string' && RIGHT.test(value)
