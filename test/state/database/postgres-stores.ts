// needs: PostgreSQL
import { startPostgres, type TestPostgres } from '../../../core/testing/postgres.ts'
import { createPostgresDatabase } from '../../../core/testing/test-database.ts'
import type { Store } from './stores.ts'

/** On the server that all tests share, if there is one. */
export async function postgresStore(): Promise<Store> {
  if (process.env.MEZITE_TEST_POSTGRES === undefined) return ownPostgresStore()
  const drops: (() => Promise<void>)[] = []
  return {
    name: 'PostgreSQL',
    async config(content = 'empty') {
      const { url, drop } = (await createPostgresDatabase(content))!
      drops.push(drop)
      return { driver: 'postgres', url }
    },
    async close() {
      for (const drop of drops) await drop()
    },
  }
}

/** On a server of its own, for tests that stop it. */
export async function ownPostgresStore(): Promise<Store & { server: TestPostgres }> {
  const server = await startPostgres()
  return {
    name: 'PostgreSQL',
    server,
    config: async () => ({ driver: 'postgres', url: await server.createDatabase() }),
    close: () => server.close(),
  }
}
