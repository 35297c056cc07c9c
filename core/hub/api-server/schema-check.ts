import type { FastifySchemaCompiler } from 'fastify'
import type { TSchema } from 'typebox'
import { Compile } from 'typebox/compile'
import { Convert, Default } from 'typebox/value'
import { Problem } from '../../api/problem.ts'
import { mustBe } from '../../kernel/config-check.ts'

/**
 * Validates with TypeBox. Bodies are taken as they are; parameters, query and headers arrive as text and are
 * converted. Nothing is removed silently: an unknown key is refused where the schema says so.
 */
export const checkSchemas: FastifySchemaCompiler<TSchema> = ({ schema, httpPart }) => {
  const validator = Compile(schema)
  return (data: unknown) => {
    const given = httpPart === 'body' ? data : Convert(schema, { ...(data as object) })
    const value = Default(schema, given)
    if (validator.Check(value)) return { value }
    const [first] = validator.Errors(value)
    // Pages and command lines show it to people: what the caller calls it, without the part of the request.
    const where = first?.instancePath.slice(1, 200) || (httpPart ?? 'input')
    const must = first && mustBe(schema, first.instancePath)
    // What TypeBox says of a key that the schema does not have.
    const said = first?.message === 'schema is false' ? 'is unknown' : (first?.message ?? 'is not valid')
    const why = must === undefined ? said : `must be ${must}`
    return { error: new Problem(400, 'invalid_request', `${where} ${why}.`) }
  }
}
