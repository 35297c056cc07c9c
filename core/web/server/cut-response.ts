import type { FastifyInstance, FastifyRequest } from 'fastify'

/** Reports what a change has ended, on all hubs. */
export interface Cuts {
  /** Call it before the change, and the function that it returns after the change. Null when nothing was changed. */
  begin(): () => Promise<{
    readonly streams: number
    readonly hubs: number
    readonly unconfirmed: number
    readonly ms: number
  } | null>
}

/**
 * Adds to responses of routes with `config.cuts` what the change has ended: `cut` has `{streams, hubs, ms}` and, if a
 * hub did not confirm in time, `unconfirmed`. Keeps the members that the handler itself sets in `cut`.
 */
export function reportCuts(app: FastifyInstance, cuts: Cuts): void {
  const begun = new WeakMap<FastifyRequest, ReturnType<Cuts['begin']>>()
  app.addHook('preHandler', async (request) => {
    if (request.routeOptions.config.cuts) begun.set(request, cuts.begin())
  })
  app.addHook('preSerialization', async (request, reply, payload) => {
    const finish = begun.get(request)
    if (!finish || reply.statusCode >= 400 || typeof payload !== 'object' || payload === null) return payload
    const report = await finish()
    const { streams, hubs, ms, unconfirmed } = report ?? { streams: 0, hubs: 0, ms: 0, unconfirmed: 0 }
    const own = (payload as { cut?: object }).cut
    const cut = { ...own, streams, hubs, ms, ...(unconfirmed > 0 ? { unconfirmed } : {}) }
    return { ...payload, cut }
  })
}
