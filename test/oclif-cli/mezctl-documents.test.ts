// together: quick
/** What mezctl reports after sending documents to the hub. */

import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { HubClient, ResourceDocument } from '@mezite/cli'
import t from 'tap'
import { printPut, putDocuments } from '../../oclif-cli/shared/document-upload.ts'
import { readDocuments, resolveSecrets } from '../../oclif-cli/shared/documents.ts'

const cut = { streams: 3, hubs: 1, ms: 13 }
const answers: Record<string, object> = {
  '/roles/old': { created: false, resource: { kind: 'role' }, cut },
  '/roles/new': { created: true, resource: { kind: 'role' }, cut: { ...cut, streams: 0 } },
  '/roles/quiet': { created: false, resource: { kind: 'role' } },
}
const client = { call: async (_method: string, path: string) => answers[path] } as unknown as HubClient
const documents = ['old', 'new', 'quiet'].map(
  (name) => ({ kind: 'role', name, value: {}, position: () => name }) as unknown as ResourceDocument,
)

t.test('a change prints the hub’s figures for scripts, and a sentence for people', async (t) => {
  const done = await putDocuments(client, '/roles', documents, () => {})
  t.same(
    done.map((result) => [result.name, result.created, result.cut]),
    [
      ['old', false, cut],
      ['new', true, { ...cut, streams: 0 }],
      ['quiet', false, null],
    ],
  )
  const written = t.capture(process.stdout, 'write', () => true)
  for (const result of done) printPut('role', result)
  const lines = written().map(({ args }) => args[0])
  written.restore()
  t.same(lines, [
    'Replaced role old. 3 live connections cut on 1 hub (13 ms).\n',
    'Created role new.\n',
    'Replaced role quiet.\n',
  ])
})

t.test(
  'secret headers are read from files and the environment of the person who registers the app',
  async (t) => {
    const folder = t.testdir({ token: 'Bearer s3cret\n' })
    const write = (set: object) => {
      const spec = { uri: 'http://127.0.0.1:1', headers: { request: { set, remove: ['X-B'] } } }
      const file = join(folder, 'app.json')
      writeFileSync(file, JSON.stringify({ kind: 'app', version: 'v1', metadata: { name: 'a' }, spec }))
      return readDocuments(file, ['app'])
    }
    process.env.MEZITE_TEST_HEADER = 'from the environment'
    t.teardown(() => delete process.env.MEZITE_TEST_HEADER)
    const set = {
      Authorization: { file: 'token' },
      'X-Key': { env: 'MEZITE_TEST_HEADER' },
      'X-A': 'b',
      'X-K': { stored: true },
    }
    const [document] = await write(set)
    t.match(resolveSecrets(document!), {
      spec: {
        uri: 'http://127.0.0.1:1',
        headers: {
          request: {
            set: {
              ...set,
              Authorization: { value: 'Bearer s3cret' },
              'X-Key': { value: 'from the environment' },
            },
            remove: ['X-B'],
          },
        },
      },
    })
    const [missing] = await write({ Authorization: { file: 'gone' } })
    t.throws(() => resolveSecrets(missing!), {
      ...{
        code: 'MEZ_SECRET_MISSING',
        message: /app\.json:\d+: spec\.headers\.request\.set\.Authorization: cannot read/,
      },
    })
  },
)
