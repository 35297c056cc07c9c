import { Type } from '@mezite/core'

/** A value or null, in the description of a response. */
export const Nullable = <T extends Parameters<typeof Type.Union>[0][number]>(type: T) =>
  Type.Union([type, Type.Null()])
