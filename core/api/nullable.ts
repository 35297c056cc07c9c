import { type TSchema, Type } from 'typebox'

/** Schema of a value that may be null. */
export const Nullable = <T extends TSchema>(schema: T) => Type.Union([schema, Type.Null()])
