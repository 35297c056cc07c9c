// together: quick
/** How the text of a request is cut into the part that it shares with others and its own values. */
import type { AuditInput } from '@mezite/core'
import { testEvent } from '@mezite/core/testing'
import t from 'tap'
import { joinRequest, splitRequest, templateOf } from '../../../plugins/audit-database/request-text.ts'

const REQUEST_ID = '01890a5d-ac96-774b-bcce-b302099a8057'
const AT = { cluster: 'c', hub: 'h', at: 1_690_000_000_123 }

/** The text of a request with other values. */
function textOf(input: Partial<AuditInput> = {}, fields: AuditInput['fields'] = {}): string {
  const event = testEvent(
    {
      ...{
        type: 'app.request',
        success: true,
        user: 'ann',
        roles: ['access'],
        requestId: REQUEST_ID,
        ...input,
      },
      fields: {
        ...{
          app: 'wiki',
          agent: 'node-1',
          method: 'GET',
          path: '/a',
          status: 200,
          bytes_in: 0,
          bytes_out: 7,
        },
        duration_ms: 3,
        first_byte_ms: 2,
        upgrade: null,
        ...fields,
      },
    },
    AT,
  )
  return JSON.stringify(event)
}

function joined(text: string): string | null {
  const split = splitRequest(text)
  return split && joinRequest(templateOf(split.context), { ...split, parts: split.parts.join('\t') })
}

const HOSTILE = [
  ...[
    '',
    '"',
    '\\',
    '\\"',
    '\t',
    '\n',
    '\u0001',
    'é😀',
    '",',
    ',"agent":null',
    '","request_id":"',
    '{"id":"',
  ],
  ...['","method":"', '","path":"', '","status":', ',"duration_ms":3', `,"request_id":"${REQUEST_ID}"`],
]

t.test(
  'a text that is cut can be put together again, whatever a person or an app writes into it',
  async (t) => {
    for (const one of HOSTILE) {
      const texts = [
        ...[{ user: one }, { roles: [one, one] }, { clientIp: one }, { sessionId: one }, { reason: one }].map(
          (input) => textOf(input),
        ),
        ...[{ app: one }, { agent: one }, { method: one }, { path: one }, { upgrade: one }].map((fields) =>
          textOf({}, fields),
        ),
      ]
      for (const text of texts) t.equal(joined(text), text, JSON.stringify(one))
    }
  },
)

t.test('requests of one session to one app share their context, and differ in their parts', async (t) => {
  const one = splitRequest(textOf())
  const other = splitRequest(textOf({}, { path: '/b', status: null, agent: null }))
  t.equal(one?.context, other?.context)
  t.strictSame(one?.parts, ['"node-1"', 'GET', '/a', '200', '0', '7', '3,"first_byte_ms":2'])
  t.strictSame(other?.parts, ['null', 'GET', '/b', 'null', '0', '7', '3,"first_byte_ms":2'])
  for (const input of [{ user: 'bob' }, { sessionId: 's' }, { success: false }, { reason: 'revoked' }])
    t.not(splitRequest(textOf(input))?.context, one?.context, JSON.stringify(input))
})

t.test('a request of another shape is not cut, so that no value is read as another one', async (t) => {
  const text = textOf()
  t.ok(splitRequest(text))
  const id = text.slice(7, 43)
  const others = {
    'another type': text.replace('app.request', 'app.session'),
    'a time that is not in the id': text.replace('.123Z', '.124Z'),
    'more behind the time': text.replace('.123Z', '.123Zx'),
    'an id in capitals': text.replace(id, `A${id.slice(1)}`),
    'a request id that is none': textOf({ requestId: 'first' }),
    'more behind the request id': textOf({ requestId: `${REQUEST_ID}x` }),
    'no request id': textOf({ requestId: null }),
    'a request id in capitals': textOf({ requestId: REQUEST_ID.toUpperCase() }),
    'a status that is no number': textOf({}, { status: 'ok' }),
    'a field between two parts': text.replace(',"method":', ',"more":1,"method":'),
    'parts in another order': text.replace('"bytes_in":0,"bytes_out":7', '"bytes_out":7,"bytes_in":0'),
    'no agent': text.replace('"agent":"node-1",', ''),
  }
  for (const [what, other] of Object.entries(others)) {
    t.not(other, text, `${what}: it differs`)
    t.equal(splitRequest(other), null, what)
  }
})
