// together: plugin-hubs
/** The dashboard's types of the JSON API are those of the hub. `UPDATE_API_TYPES=1` writes them again. */
import { globSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createTestHub } from '@mezite/core/testing'
import t from 'tap'
import { apiTypes } from './api-types.ts'

const WEB = join(import.meta.dirname, '../../../plugins/dashboard/web')
const FILE = join(WEB, 'api-types.ts')

/** The routes whose responses the sources of the dashboard name. */
const names = globSync('**/*.{ts,tsx}', { cwd: WEB }).flatMap((file) =>
  [...readFileSync(join(WEB, file), 'utf8').matchAll(/\bResponses\['([^']+)'\]/g)].map(([, name]) => name!),
)

t.test("the types of the dashboard's client are generated from the hub's OpenAPI document", async (t) => {
  const hub = await createTestHub()
  t.teardown(() => hub.stop())
  const generated = apiTypes(await hub.api('GET', '/openapi.json'), new Set(names))
  if (process.env.UPDATE_API_TYPES === '1') writeFileSync(FILE, generated)
  t.equal(readFileSync(FILE, 'utf8'), generated, 'run this test with UPDATE_API_TYPES=1')
})
