import { Type } from '@mezite/core'
import { PageQuery } from '@mezite/core/administration'

/** The query of a list whose keys are names. */
export const NamedPageQuery = Type.Closed({
  ...PageQuery.properties,
  name: Type.Optional(Type.String({ maxLength: 300, description: 'Only the entry with this name' })),
})
