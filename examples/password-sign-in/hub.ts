import { createHash, timingSafeEqual } from 'node:crypto'
import { defineHubPlugin, signInDesk, signInMethods, Type, users } from '@mezite/core'

const digest = (text: string) => createHash('sha256').update(text).digest()
const closed = { additionalProperties: false } as const

const Person = Type.Object(
  {
    name: Type.String({ minLength: 1 }),
    password: Type.Secret({ description: 'The password: { file } or { env }' }),
    roles: Type.Array(Type.String(), { default: [] }),
  },
  closed,
)

/**
 * Signs people in with passwords from files or the environment, through the dialog of the browser (RFC 7617). For
 * development: nothing limits attempts, and a browser keeps sending the password.
 */
export default defineHubPlugin({
  name: 'password-sign-in',
  api: 1,
  summary: 'Signs people in with a password, for development',
  config: Type.Object({ people: Type.Array(Person, { minItems: 1 }) }, closed),
  validate: ({ people }) =>
    people.flatMap(({ name }, at) =>
      people.findIndex((other) => other.name === name) === at
        ? []
        : [{ path: ['people', String(at), 'name'], message: 'is there twice' }],
    ),
  needs: { signInDesk, users },
  provides: { signInMethods },
  setup({ config, use, provide }) {
    const people = new Map(config.people.map((person) => [person.name, person]))
    provide.signInMethods({
      name: 'password-sign-in',
      choices: () => [{ id: 'password', title: 'a password' }],
      async begin(request, reply, { choice, state }) {
        const [scheme, credentials = ''] = (request.headers.authorization ?? '').split(' ')
        const [name = '', password = ''] = Buffer.from(credentials, 'base64').toString('utf8').split(/:(.*)/s)
        const person = people.get(name)
        // Takes as long for a name that is unknown.
        const fits = timingSafeEqual(digest(password), digest(person?.password ?? `not ${password}`))
        if (scheme !== 'Basic' || person === undefined || !fits)
          return reply
            .code(401)
            .header('www-authenticate', 'Basic realm="Mezite", charset="UTF-8"')
            .send('Sign in with your password.')
        const identity = { issuer: 'password-sign-in', sub: name, connector: choice }
        const user = await use.users.signIn({ ...identity, name, mappedRoles: person.roles })
        return use.signInDesk.complete(request, reply, { user, connector: choice, method: 'password', state })
      },
    })
  },
})
