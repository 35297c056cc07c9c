import { mkdtemp, rm } from 'node:fs/promises'
import { request } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Sessions } from '@mezite/core'
import * as ref from '@mezite/core'
import { databaseServer } from '@mezite/core/postgres-session'
import { systemClock } from '@mezite/core/protocol'
import { testSecretBox } from '@mezite/core/testing'
import { hubHooks } from '../../../core/api/hub-hooks.ts'
import { adminsOnly } from '../../../core/gate/access/admin-rights.ts'
import { createCallers } from '../../../core/gate/access/callers.ts'
import { createKernel } from '../../../core/kernel/kernel.ts'
import { createAudit } from '../../../core/state/audit/audit.ts'
import type { DatabaseConfig } from '../../../core/state/database/database.ts'
import { testJobs } from '../../../core/testing/job-conformance.ts'
import { createWebServer } from '../../../core/web/server/web-server.ts'
import auditDatabase from '../../../plugins/audit-database/hub.ts'
import { partly } from '../../hub/partly.ts'
import { changesOf, keptLog, open } from '../../state/database/stores.ts'
import { names } from '../../web/server/start-web.ts'

/** The plugin in a real kernel, on a real database, behind the hub's web server; asked over the admin socket. */
export async function startTrail(config: DatabaseConfig, slice: Record<string, unknown> = {}) {
  const folder = await mkdtemp(join(tmpdir(), 'mezite-trail-'))
  const log = keptLog()
  const database = await open(config)
  const kernel = createKernel({
    tree: hubHooks,
    side: 'hub',
    plugins: [auditDatabase],
    configs: { 'audit-database': slice },
    log,
  })
  const audit = createAudit(
    partly({
      clusterName: 'c',
      instanceId: 'h',
      kernel,
      counts: { event() {} },
      clock: systemClock,
      log,
    }),
  )
  const revisions = changesOf(database, { log, audit })
  const byId: Record<string, unknown> = { root: {} }
  const sessions = {
    byId: (id: string) => byId[id],
    subjectOf: () => ({ roles: ['admin'] }),
  } as unknown as Sessions
  kernel.setup([
    [ref.adminRights, adminsOnly],
    [ref.database, database.db],
    [databaseServer, { url: config.driver === 'postgres' ? config.url : null }],
    [ref.revisions, revisions],
    [ref.audit, audit],
    [ref.jobs, testJobs()],
    [ref.sessions, sessions],
    [ref.secretBox, testSecretBox()],
  ])
  audit.open()
  await database.migrate(kernel.slot(ref.migrations))
  await revisions.start()
  await kernel.start()
  const web = createWebServer({
    publicNames: names,
    routes: kernel.slot(ref.webRoutes),
    callers: createCallers({ log }),
    identify: async () => null,
    renderError: () => '',
    audit: { record: () => {} },
    signInUrl: () => '/',
    revisions,
    hsts: () => false,
    version: '0',
    log,
  })
  await web.start()
  const socketPath = join(folder, 'admin.sock')
  await web.listenSocket(socketPath)

  const open_ = (path: string) =>
    new Promise<import('node:http').IncomingMessage>((resolve, reject) => {
      const asked = request({ socketPath, path: `/v1/webapi${path}`, agent: false }, resolve)
      asked.on('error', reject)
      asked.end()
    })
  return {
    /** Holds `admin.sock`. */
    folder,
    audit,
    revisions,
    database,
    kernel,
    log,
    web,
    follow: open_,
    async ask(path: string) {
      const answer = await open_(path)
      let text = ''
      for await (const chunk of answer) text += chunk
      return { status: answer.statusCode ?? 0, json: JSON.parse(text) as unknown }
    },
    async close() {
      await web.close()
      await audit.close()
      await kernel.stop()
      await revisions.stop()
      await database.close()
      await rm(folder, { recursive: true, force: true })
    },
  }
}
