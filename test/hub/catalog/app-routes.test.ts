import Fastify from 'fastify'
import t from 'tap'
import { Type } from '../../../core/api/config-types.ts'
import { appRoutes, appSchemaRoutes } from '../../../core/hub/catalog/app-routes.ts'

t.test('a host name that no agent can have is refused by its name', async (t) => {
  const web = Fastify()
  t.teardown(() => web.close())
  const { routes } = appRoutes({} as Parameters<typeof appRoutes>[0])
  await web.register(routes)
  const answer = await web.inject({ method: 'PUT', url: '/grafana/agents/Bad%20host!' })
  t.match(answer.json(), {
    code: 'hostname_invalid',
    message: 'Bad host! cannot be the host name of an agent.',
  })
})

t.test('the schema of an app describes every key for mezctl explain', async (t) => {
  const web = Fastify()
  t.teardown(() => web.close())
  const appConfigs = { curfew: Type.Object({ until: Type.Duration({ description: 'End' }) }) }
  await web.register(appSchemaRoutes({ appConfigs }).routes)
  const schema = (await web.inject('/app')).json()
  const undescribed = Object.entries(schema.properties as Record<string, { description?: string }>)
    .filter(([, { description }]) => !description)
    .map(([key]) => key)
  t.strictSame(undescribed, [])
  t.match(schema.properties.plugins.properties.curfew.properties.until, {
    type: 'string',
    description: 'End',
  })
  t.match(schema.properties.tls.properties.ca, { type: 'string', description: /PEM/ })
})
