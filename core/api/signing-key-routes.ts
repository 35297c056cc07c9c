import type { SigningKeys } from './signing-keys.ts'
import type { WebRoutes } from './web-routes.ts'

/** Of `mezctl auth rotate` and `mezctl auth export`. `signs` names what the keys sign, such as `ID tokens`. */
export function signingKeyRoutes(
  keys: Pick<SigningKeys, 'published' | 'list' | 'rotate'>,
  { name, signs }: { readonly name: string; readonly signs: string },
): WebRoutes {
  const show = () => ({
    type: name,
    keys: keys.list().map(({ kid, state, activeFrom }) => ({
      kid,
      state,
      signs_from: new Date(activeFrom).toISOString(),
    })),
  })
  const admin = (summary: string) => ({ config: { access: 'admin' }, schema: { summary } }) as const
  return {
    name: `${name}-keys`,
    prefix: '/v1/webapi/auth',
    async routes(web) {
      web.get(`/rotate/${name}`, admin(`The keys that sign ${signs}`), () => show())
      web.post(
        `/rotate/${name}`,
        admin(`Publishes a new key for ${signs}, which signs in six minutes`),
        async ({ actor }) => {
          await keys.rotate(actor)
          return show()
        },
      )
      web.get(`/export/${name}`, admin(`The public keys of ${signs}, as a JWKS`), (_request, reply) =>
        reply.type('application/json; charset=utf-8').send(JSON.stringify({ keys: keys.published() })),
      )
    },
  }
}
