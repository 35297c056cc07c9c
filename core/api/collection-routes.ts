import { type TSchema, Type } from 'typebox'
import { mapInTurns } from '../kernel/turns.ts'
import type { Collection } from './collection.ts'
import type { ResourceDefinition, ResourceForm, ResourceVerb } from './define-resource.ts'
import { NamedPageQuery, pageOf } from './paging.ts'
import type { WebRoutes } from './web-routes.ts'

/** `/v1/webapi/<collection>`, and for documents the JSON Schema of their `spec`, for `mezctl explain`. */
export function collectionRoutes<Item, Row extends object, Input>(
  definition: ResourceDefinition<Item, Row, Input>,
  collection: Collection<Item, Row, Input>,
  more?: WebRoutes['routes'],
): readonly WebRoutes[] {
  const { name, noun = name, key, form, example, verbs } = definition
  const { list, get, put, create, remove } = verbs
  const { order = (item: Item) => String((item as Record<string, unknown>)[key]) } = definition
  const { search = order, newestFirst = false } = definition
  const sorted = { keyOf: order, textOf: search, descending: newestFirst }
  const returns = schemaOf(definition.name, form, example)
  const config = ({ access = 'admin', cuts = false }: ResourceVerb) => ({ access, ...(cuts && { cuts }) })
  const keyIn = (params: unknown) => (params as Record<string, string>)[key]!
  const one = `/:${key}`
  const aNoun = `${/^[aeio]/i.test(noun) ? 'an' : 'a'} ${noun}`

  const own: WebRoutes = {
    name: definition.collection,
    prefix: `/v1/webapi/${definition.collection}`,
    async routes(web) {
      if (list) {
        const { summary = `All ${noun}s` } = list
        const schema = { summary, querystring: NamedPageQuery, returns: Type.Array(returns) }
        web.get('/', { config: config(list), schema }, async (request, reply) => {
          const page = await pageOf(request, reply, collection.list(request.subject), sorted)
          return mapInTurns(page, collection.show)
        })
      }
      if (create) {
        const { summary = `Creates ${aNoun}`, body } = create
        const schema = { summary, body: withExample(body, example), returns: create.returns ?? returns }
        web.post('/', { config: config(create), schema }, async (request, reply) => {
          const { row, more: members } = await collection.create(request.body as Input, request.actor)
          reply.code(201)
          return { ...collection.show(collection.known(String(row[key]))), ...members }
        })
      }
      if (get) {
        const { summary = `One ${noun}` } = get
        web.get(one, { config: config(get), schema: { summary, returns } }, async ({ params, subject }) =>
          collection.show(collection.known(keyIn(params), subject)),
        )
      }
      if (put) {
        const { summary = `Creates or replaces ${aNoun}` } = put
        const result = Type.Object({ created: Type.Boolean(), resource: returns })
        const schema = { summary, takes: returns, returns: result }
        web.put(one, { config: config(put), schema }, async (request, reply) => {
          const name = keyIn(request.params)
          const input = put.parse(request.body, { name })
          const done = await collection.put(name, input, request.actor, request.headers)
          if (done.created) reply.code(201)
          return { created: done.created, resource: collection.show(collection.known(name)), ...done.more }
        })
      }
      if (remove) {
        const { summary = `Removes ${aNoun}` } = remove
        const schema = { summary, returns: Type.Object({ [key]: Type.String(), removed: Type.Boolean() }) }
        web.delete(one, { config: config(remove), schema }, async ({ params, actor }) => {
          const { more: members } = await collection.remove(keyIn(params), actor)
          const { cut, ...others } = members as { readonly cut?: object }
          return { [key]: keyIn(params), ...others, removed: true, ...(cut && { cut }) }
        })
      }
      await more?.(web, {})
    },
  }
  if (!('spec' in form)) return [own]
  const { kind = name, spec } = form
  const schemas: WebRoutes = {
    name: `${kind}-schema`,
    prefix: '/v1/webapi/schemas',
    async routes(web) {
      web.get(`/${kind}`, { config: { access: 'admin' } }, async () => spec)
    },
  }
  return [own, schemas]
}

/** Schema of the JSON of one resource. */
function schemaOf(name: string, form: ResourceForm, example: object | undefined): TSchema {
  if ('flat' in form) return form.flat
  const { kind = name, spec, status = {} } = form
  const schema = Type.Object({
    kind: Type.Literal(kind),
    version: Type.Literal('v1'),
    metadata: Type.Object({
      name: Type.String(),
      description: Type.Optional(Type.String()),
      labels: Type.Optional(Type.Record(Type.String(), Type.String())),
      expires: Type.Optional(Type.String()),
    }),
    spec,
    status: Type.Optional(
      Type.Object({ etag: Type.String({ description: 'For If-Match of a change' }), ...status }),
    ),
  })
  return withExample(schema, example)
}

const withExample = (schema: TSchema, example: object | undefined): TSchema =>
  example === undefined ? schema : { ...schema, examples: [example] }
