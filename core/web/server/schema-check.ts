import type { FastifySchemaCompiler } from 'fastify'
import type { TSchema } from 'typebox'
import { Compile, type Validator } from 'typebox/compile'
import { Convert, Default } from 'typebox/value'
import { problemFor } from '../../api/reasons.ts'
import { mustBe } from '../../kernel/config-check.ts'

/**
 * Validates with TypeBox. Bodies are not converted; parameters, query and headers arrive as text and are converted.
 * Never removes a key silently: rejects unknown keys where the schema does not allow them. Compiles a schema for the first
 * request that it checks: all of them would take a quarter of the start of a hub.
 */
export const checkSchemas: FastifySchemaCompiler<TSchema> = ({ schema, httpPart }) => {
  let compiled: Validator | undefined
  return (data: unknown) => {
    const given = httpPart === 'body' ? data : Convert(schema, { ...(data as object) })
    const value = Default(schema, given)
    compiled ??= Compile(schema)
    const validator = compiled
    if (validator.Check(value)) return { value }
    const [first] = validator.Errors(value)
    // Pages and command lines show the caller's name for the value, without the part of the request.
    const where = first?.instancePath.slice(1, 200) || (httpPart ?? 'input')
    const must = first && mustBe(schema, first.instancePath)
    // TypeBox reports this for a key that is not in the schema.
    const problem = first?.message === 'schema is false' ? 'is unknown' : (first?.message ?? 'is not valid')
    const why = must === undefined ? problem : `must be ${must}`
    return { error: problemFor('invalid_request', `${where} ${why}.`) }
  }
}

/** Without these, Fastify loads its own compilers, which the hub never uses: 3 MB of memory. */
export const compilersFactory = {
  buildValidator: () => checkSchemas as never,
  buildSerializer: () => () => JSON.stringify as never,
}
