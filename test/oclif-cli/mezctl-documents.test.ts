/** What mezctl reports after sending documents to the hub. */
import type { HubClient, ResourceDocument } from '@mezite/cli'
import t from 'tap'
import { printPut, putDocuments } from '../../oclif-cli/shared/document-upload.ts'

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

t.test('scripts get the hub’s figures of what a change ended, people get a sentence', async (t) => {
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
