import { test } from 'node:test'
import {
  conformMigrations,
  conformPlugin,
  conformResource,
  conformRoutes,
  conformTest,
} from '@mezite/core/testing'
import plugin from './hub.ts'
import { notesOf } from './notes.ts'

const use = { access: {}, catalog: {}, pages: {}, revisions: { addView() {} } }
conformPlugin(conformTest(test), plugin, { use, refused: [{ notes: {} }] })
conformMigrations(conformTest(test), plugin, { use })
// Start a hub.
conformRoutes(conformTest(test), plugin, { use })
conformResource(conformTest(test), plugin, {
  resource: notesOf(() => true).definition,
  another: { kind: 'app_notes', version: 'v1', metadata: { name: 'shop' }, spec: { text: 'New' } },
  async prepare(hub) {
    for (const name of ['wiki', 'shop'])
      await hub.api('PUT', `/apps/${name}`, {
        ...{ kind: 'app', version: 'v1', metadata: { name } },
        spec: { uri: 'http://127.0.0.1:9' },
      })
  },
})
