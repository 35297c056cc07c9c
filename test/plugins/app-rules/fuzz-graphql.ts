import fc from 'fast-check'
import { parse } from 'graphql/language'
import { createGraphqlReader } from '../../../plugins/app-rules/operations/graphql.ts'

const read = createGraphqlReader({ parse })
export const readBody = (body: Uint8Array, type = 'application/json') =>
  read({
    ...{ requirement: { name: 'operation' }, app: {} as never, subject: {} as never },
    ...{ method: 'POST', target: '/graphql', unread: false, body: Buffer.from(body) },
    headers: ['content-type', type],
  })
export const readQuery = (query: string) => readBody(Buffer.from(JSON.stringify({ query })))

const pieces = fc.constantFrom(
  ...[
    '{',
    '}',
    '(',
    ')',
    '[',
    ']',
    ':',
    '...',
    '!',
    '$a',
    '@b',
    '"',
    '\\',
    '"x"',
    '#',
    '\n',
    ' ',
    '1',
    '=',
    '|',
    '&',
  ],
  ...[
    'query',
    'mutation',
    'subscription',
    'fragment F on Q',
    '...F',
    'on',
    'a',
    'type',
    '{a}',
    '\ufeff',
    '\r',
    'é',
  ],
)

/** Throws if bytes of a stranger are neither read nor have a fault. */
export function fuzzGraphql(): void {
  const check = (found: ReturnType<typeof read>) => {
    if ((found.fault === null) === (found.names.length === 0)) throw new Error('names and fault')
  }
  fc.assert(
    fc.property(fc.array(pieces, { maxLength: 40 }), (parts) => check(readQuery(parts.join(' ')))),
    { numRuns: 5_000 },
  )
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 80 }), (bytes) => {
      check(readBody(bytes))
      check(readBody(bytes, 'application/graphql'))
    }),
    { numRuns: 5_000 },
  )
}
