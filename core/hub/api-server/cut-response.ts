import type { FastifyInstance, FastifyRequest } from 'fastify'
import type { CutReports } from '../cluster/cut-report.ts'

/**
 * Answers of routes with `config.cuts` say in `cut` what the change has ended: `{streams, hubs, ms}` and, when a hub has
 * not confirmed in time, `unconfirmed`. What the handler itself says in `cut` stays.
 */
export function reportCuts(app: FastifyInstance, cuts: CutReports): void {
  const begun = new WeakMap<FastifyRequest, ReturnType<CutReports['begin']>>()
  app.addHook('preHandler', async (request) => {
    if (request.routeOptions.config.cuts) begun.set(request, cuts.begin())
  })
  app.addHook('preSerialization', async (request, reply, payload) => {
    const finish = begun.get(request)
    if (!finish || reply.statusCode >= 400 || typeof payload !== 'object' || payload === null) return payload
    const report = await finish()
    const { streams, hubs, ms, unconfirmed } = report ?? { streams: 0, hubs: 0, ms: 0, unconfirmed: 0 }
    const said = (payload as { cut?: object }).cut
    const cut = { ...said, streams, hubs, ms, ...(unconfirmed > 0 ? { unconfirmed } : {}) }
    return { ...payload, cut }
  })
}
