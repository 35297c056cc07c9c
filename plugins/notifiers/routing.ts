import { type Notification, type Static, Type } from '@mezite/core'

const LEVELS = ['info', 'warning', 'critical'] as const

/** Which notifications a notifier takes, in its configuration. */
export const routing = {
  name: Type.String({
    pattern: '^[a-z0-9][a-z0-9-]{0,39}$',
    description: 'its name in mezctl notify',
    must: 'small letters, digits and hyphens',
  }),
  kinds: Type.Optional(
    Type.Array(Type.String({ minLength: 1 }), {
      minItems: 1,
      description: 'kinds that it takes, such as certificate, agent, job, access-request; omitted: all',
    }),
  ),
  minimum: Type.Optional(
    Type.OneOf(LEVELS, { default: 'info', description: 'the least severity that it takes' }),
  ),
}

export type Routing = Static<ReturnType<typeof Type.Object<typeof routing>>>

/** Whether the kind and the severity are wanted. */
export function wants(
  { kinds, minimum = 'info' }: Pick<Routing, 'kinds' | 'minimum'>,
  one: Notification,
): boolean {
  return (
    (kinds === undefined || kinds.includes(one.kind)) &&
    LEVELS.indexOf(one.severity) >= LEVELS.indexOf(minimum)
  )
}
