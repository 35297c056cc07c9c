import { createHash, timingSafeEqual } from 'node:crypto'
import { defineHubPlugin, signInDesk, signInMethods, Type, users } from '@mezite/core'

const digest = (text = '') => createHash('sha256').update(text).digest()

/**
 * Signs people in with names and passwords of the configuration, through the dialog of the browser. For development: the
 * passwords are stored as SHA-256 in hexadecimal, which is too weak for passwords that people choose.
 */
export default defineHubPlugin({
  name: 'my-plugin',
  api: 1,
  summary: 'Signs people in with a password, for development',
  config: Type.Closed({
    people: Type.Array(
      Type.Closed({
        name: Type.String({ minLength: 1 }),
        sha256: Type.String({ pattern: '^[0-9a-f]{64}$' }),
        roles: Type.Array(Type.String()),
      }),
    ),
  }),
  needs: { signInDesk, users },
  provides: { signInMethods },
  setup({ config, use, provide }) {
    provide.signInMethods({
      name: 'my-plugin',
      choices: () => [{ id: 'my-plugin', title: 'a password' }],
      async begin(request, reply, { choice, state }) {
        const [scheme, credentials = ''] = (request.headers.authorization ?? '').split(' ')
        const [name, password] = Buffer.from(credentials, 'base64').toString('utf8').split(/:(.*)/s)
        const person = config.people.find((one) => one.name === name)
        const fits = timingSafeEqual(
          digest(password),
          Buffer.from(person?.sha256 ?? digest().toString('hex'), 'hex'),
        )
        if (scheme !== 'Basic' || !person || !fits) {
          return reply
            .code(401)
            .header('www-authenticate', 'Basic realm="Mezite"')
            .send('Sign in with your password.')
        }
        const identity = { issuer: 'my-plugin', sub: person.name, connector: choice }
        const user = await use.users.signIn({ ...identity, name: person.name, mappedRoles: person.roles })
        return use.signInDesk.complete(request, reply, { user, connector: choice, method: 'password', state })
      },
    })
  },
})
