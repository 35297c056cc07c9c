/** The dashboard's types of the JSON API are those of the hub. `UPDATE_API_TYPES=1` writes them again. */
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createTestHub } from '@mezite/core/testing'
import t from 'tap'
import { apiTypes } from './api-types.ts'

const FILE = join(import.meta.dirname, '../../../plugins/dashboard/web/api-types.ts')

t.test("the types of the dashboard's client are generated from the hub's OpenAPI document", async (t) => {
  const hub = await createTestHub()
  t.teardown(() => hub.stop())
  const generated = apiTypes(await hub.api('GET', '/openapi.json'))
  if (process.env.UPDATE_API_TYPES === '1') writeFileSync(FILE, generated)
  t.equal(readFileSync(FILE, 'utf8'), generated, 'run this test with UPDATE_API_TYPES=1')
})
