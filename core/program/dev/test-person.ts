import { createHash, timingSafeEqual } from 'node:crypto'
import { defineHubPlugin } from '../../api/define-plugin.ts'
import { Problem } from '../../api/problem.ts'
import { signInDesk } from '../../api/sign-in.ts'
import { users } from '../../api/users.ts'
import { webRoutes } from '../../api/web-routes.ts'

const NAME = 'development'
const PERSON = 'developer'
const ROLES = ['access', 'admin']

/** Path of the link that signs in. */
export const signInPath = (secret: string): string => `/web/${NAME}/${secret}`

const digest = (text: string) => createHash('sha256').update(text).digest()

/** Signs the holder of a link in as `developer`, an administrator with access to applications. For `mezhub dev` only. */
export const testPerson = (secret: string) =>
  defineHubPlugin({
    name: NAME,
    api: 1,
    summary: 'Signs the developer of a plugin in, without a password',
    needs: { signInDesk, users },
    provides: { webRoutes },
    setup({ use, provide }) {
      provide.webRoutes({
        name: NAME,
        prefix: `/web/${NAME}`,
        routes: async (routes) => {
          routes.get<{ Params: { secret: string } }>(
            '/:secret',
            { config: { access: 'public', rate: 'pages' } },
            async (request, reply) => {
              if (!timingSafeEqual(digest(request.params.secret), digest(secret)))
                throw new Problem(404, 'not_found', 'This is not the link of the running mezhub dev.')
              const identity = { issuer: NAME, sub: PERSON, connector: NAME }
              const user = await use.users.signIn({ ...identity, name: PERSON, mappedRoles: ROLES })
              const state = use.signInDesk.seal({ appHost: null, path: '/', nonceHash: null })
              return use.signInDesk.complete(request, reply, { user, connector: NAME, method: NAME, state })
            },
          )
        },
      })
    },
  })
