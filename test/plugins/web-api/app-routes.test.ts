// together: quick
import Fastify from 'fastify'
import t from 'tap'
import { Type } from '../../../core/api/config-types.ts'
import { AppSpec } from '../../../core/gate/catalog/app-schema.ts'
import { appRoutes } from '../../../plugins/web-api/app-routes.ts'

/** As in the hub, where `must` is the sentence about a pattern. */
const OWN_KEYWORDS = { ajv: { customOptions: { keywords: ['must'] } } }

t.test('a host name that no agent can have is refused by its name', async (t) => {
  const web = Fastify(OWN_KEYWORDS)
  t.teardown(() => web.close())
  const { routes } = appRoutes({ administration: { apps: { spec: AppSpec, appConfigs: {} } } } as never)
  await web.register(routes)
  const answer = await web.inject({ method: 'PUT', url: '/apps/grafana/agents/Bad%20host!' })
  t.match(answer.json(), {
    code: 'hostname_invalid',
    message: 'Bad host! cannot be the host name of an agent.',
  })
})

t.test('the schema of an app describes every key for mezctl explain', async (t) => {
  const web = Fastify(OWN_KEYWORDS)
  t.teardown(() => web.close())
  const appConfigs = { curfew: Type.Object({ until: Type.Duration({ description: 'End' }) }) }
  const apps = { spec: AppSpec, appConfigs }
  await web.register(appRoutes({ administration: { apps } } as never).routes)
  const schema = (await web.inject('/schemas/app')).json()
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
