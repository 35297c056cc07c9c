/** Who can sign in to the example's identity provider, and what each should reach. */
export const people = [
  {
    id: 'alice',
    name: 'Alice Platform',
    email: 'alice@example.test',
    groups: ['platform-team'],
    may: ['identity', 'live'],
  },
  { id: 'bob', name: 'Bob Support', email: 'bob@example.test', groups: ['support-team'], may: ['live'] },
  { id: 'carol', name: 'Carol Contractor', email: 'carol@example.test', groups: [], may: [] },
] as const

export type Person = (typeof people)[number]
