import { test } from 'node:test'
import { conformMigrations, conformPlugin, conformResource, conformTest } from '@mezite/core/testing'
import plugin, { resource } from './hub.ts'

const use = { revisions: { addView() {} } }
conformPlugin(conformTest(test), plugin, { use })
conformMigrations(conformTest(test), plugin, { use })
// Starts a hub.
conformResource(conformTest(test), plugin, {
  resource: resource.definition,
  another: { kind: 'my_plugin', version: 'v1', metadata: { name: 'shop' }, spec: { owner: 'The shop' } },
})
