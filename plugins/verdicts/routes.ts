import type { WebRoutes } from '@mezite/core'
import type { AppVerdicts } from '@mezite/core/protocol'
import { REMOVE } from './lines.ts'
import { readProxied } from './proxied-request.ts'
import type { AskingProxy, Proxies } from './proxies.ts'

const METHODS = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS']
const DEADLINE_MS = 15_000

type Reply = Parameters<NonNullable<WebRoutes['home']>>[0]
type Request = Parameters<NonNullable<WebRoutes['account']>>[0]
type Verdict = Awaited<ReturnType<AppVerdicts['judge']>>

/** `/v1/verdict`: whether a proxy may send a request on. */
export function verdictRoutes(rooms: {
  readonly proxies: Proxies
  readonly verdicts: AppVerdicts
  /** Of the hub's public names. */
  readonly port: number
}): WebRoutes {
  const { proxies, verdicts, port } = rooms
  const callers = new WeakMap<Request, AskingProxy>()

  function knows(request: Request, peer: string): boolean {
    const proxy = proxies.of(request.raw.rawHeaders, peer)
    if (proxy !== null) callers.set(request, proxy)
    return proxy !== null
  }

  const routes: WebRoutes['routes'] = async (web) => {
    // The body of a request stays at its proxy, whatever its headers say.
    web.removeAllContentTypeParsers()
    web.addContentTypeParser('*', (_request, payload, done) => {
      payload.resume()
      done(null)
    })
    web.route({
      method: METHODS,
      url: '/v1/verdict',
      config: { access: 'public', anyOrigin: true, knows, deadlineMs: DEADLINE_MS },
      schema: { summary: 'Whether a proxy may send a request to an application; for proxies alone' },
      async handler(request, reply) {
        const proxy = callers.get(request) as AskingProxy
        const described = readProxied(request.raw.rawHeaders, request.method, proxy, port)
        const { id: requestId } = request
        return send(reply, proxy, await verdicts.judge({ ...described, proxy: proxy.name, requestId }))
      },
    })
  }
  return { name: 'verdicts', prefix: '', routes }
}

/** nginx knows three answers, and leads on by itself; the others pass on what they get. */
function send(reply: Reply, { kind }: AskingProxy, { admitted, status, lines, body }: Verdict): Reply {
  for (let i = 0; i + 1 < lines.length; i += 2) {
    const name = lines[i] as string
    const before = reply.getHeader(name)
    const value = lines[i + 1] as string
    // Fastify itself appends to Set-Cookie alone.
    const isMore = before !== undefined && name.toLowerCase() !== 'set-cookie'
    reply.header(name, isMore ? [before, value].flat() : value)
    if (kind === 'caddy' && value === '' && name === 'Authorization') reply.header(REMOVE, name)
  }
  if (admitted) return reply.code(200).send('')
  const refused = status >= 300 && status <= 599 ? status : 500
  const leads = refused === 401 || (refused >= 300 && refused < 400)
  reply.code(kind === 'nginx' ? (leads ? 401 : 403) : refused)
  return reply.send(body)
}
