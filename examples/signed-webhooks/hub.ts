import { createHmac, timingSafeEqual } from 'node:crypto'
import { defineHubPlugin, Type, verifiers } from '@mezite/core'

const HEADER = 'x-hub-signature-256'

const Hook = Type.Object(
  { path: Type.String({ pattern: '^/' }), secret: Type.Secret() },
  { additionalProperties: false },
)

/**
 * Admits webhooks, by the name of the application, whose body is signed with HMAC-SHA256 as GitHub does: one path, POST, and
 * one signature.
 */
export default defineHubPlugin({
  name: 'signed-webhooks',
  api: 1,
  summary: 'Admits webhooks that their sender has signed',
  config: Type.Object(
    { hooks: Type.Object({}, { additionalProperties: Hook }) },
    { additionalProperties: false },
  ),
  provides: { verifiers },
  setup({ config, provide }) {
    const hooks = new Map(Object.entries(config.hooks))
    provide.verifiers({
      name: 'signed-webhooks',
      verify({ app, method, target, headers }) {
        const hook = hooks.get(app.name)
        if (hook === undefined || method !== 'POST' || target !== hook.path) return null
        const signatures = headers.filter((_, i) => i % 2 === 1 && headers[i - 1]?.toLowerCase() === HEADER)
        return {
          rule: 'webhook',
          body: {
            limit: 1_048_576,
            check(body) {
              const wanted = Buffer.from(
                `sha256=${createHmac('sha256', hook.secret).update(body).digest('hex')}`,
              )
              const given = Buffer.from(signatures.length === 1 ? (signatures[0] as string) : '')
              return given.length === wanted.length && timingSafeEqual(given, wanted)
            },
          },
        }
      },
    })
  },
})
