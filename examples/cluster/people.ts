/** The users of the example's identity provider, with the apps that each may open without (`may`) and with a passkey. */
export const people = [
  {
    id: 'alice',
    name: 'Alice Platform',
    email: 'alice@example.test',
    groups: ['platform-team'],
    may: ['identity', 'live'],
    withKey: ['vault'],
  },
  {
    id: 'bob',
    name: 'Bob Support',
    email: 'bob@example.test',
    groups: ['support-team'],
    may: ['live'],
    withKey: [],
  },
  {
    id: 'carol',
    name: 'Carol Contractor',
    email: 'carol@example.test',
    groups: [],
    may: [],
    withKey: [],
  },
  {
    id: 'dana',
    name: 'Dana Operator',
    email: 'dana@example.test',
    groups: ['operators', 'support-team'],
    may: ['live'],
    withKey: [],
  },
] as const

/** The person of the provider who administers the hub. */
export const administrator = people.find(({ id }) => id === 'dana')!

/** The person who is refused an application, and asks for it. */
export const colleague = people.find(({ id }) => id === 'bob')!

/** A person without an account at the provider, who signs in with a passkey. */
export const passkeyPerson = {
  name: 'erin',
  roles: ['support', 'vault'],
  may: ['live'],
  withKey: ['vault'],
} as const

export type Person = (typeof people)[number]
