import { Type } from 'typebox'
import { Nullable } from '../../api/nullable.ts'
import type { WebRoutes } from '../../api/web-routes.ts'
import { messageOf } from '../../kernel/error.ts'
import type { PluginStatus } from '../../kernel/kernel.ts'
import type { Log } from '../../kernel/log.ts'

export interface StatusOptions {
  /** Each adds one key to the response: `cluster`, `version`, `hubs`, `agents`, `apps`, `sessions`. */
  readonly parts: Readonly<Record<string, () => unknown>>
  /** The plugin table of `mezctl status --plugins`. */
  readonly plugins: () => readonly Partial<PluginStatus>[]
  readonly log: Log
}

const Status = Type.Object({
  cluster: Nullable(Type.String()),
  version: Nullable(Type.String()),
  hubs: Nullable(
    Type.Array(Type.Object({ id: Type.String(), version: Type.String(), since: Type.String() })),
  ),
  agents: Nullable(Type.Integer()),
  apps: Nullable(Type.Integer()),
  sessions: Nullable(Type.Integer()),
  attention: Nullable(
    Type.Array(Type.Object({ kind: Type.String(), subject: Type.String(), message: Type.String() })),
  ),
  certificates: Nullable(Type.Array(Type.Object({ subject: Type.String(), expires: Type.String() }))),
  database: Nullable(Type.Object({ driver: Type.String(), view_age_ms: Type.Number() })),
  audit: Nullable(
    Type.Array(
      Type.Object({
        name: Type.String(),
        queued: Type.Integer(),
        dropped: Type.Integer(),
        failures: Type.Integer(),
      }),
    ),
  ),
  plugins: Type.Optional(
    Type.Array(
      Type.Object({
        name: Type.String(),
        version: Nullable(Type.String()),
        summary: Type.String(),
        provides: Type.Array(Type.String()),
        taps: Type.Array(Type.String()),
        start_ms: Nullable(Type.Number()),
      }),
    ),
  ),
})

/** GET /v1/webapi/status. A part that fails is null; the others are still returned. */
export function statusRoutes({ parts, plugins, log }: StatusOptions): WebRoutes {
  const ask = async (name: string, part: () => unknown): Promise<[string, unknown]> => {
    try {
      return [name, (await part()) ?? null]
    } catch (error) {
      log.warn({ part: name, error: messageOf(error) }, 'failed to read a part of the status')
      return [name, null]
    }
  }
  return {
    name: 'status',
    prefix: '/v1/webapi',
    async routes(app) {
      app.get(
        '/status',
        {
          config: { access: 'admin' },
          schema: {
            summary: 'The status of this cluster',
            querystring: Type.Object({ plugins: Type.Optional(Type.String()) }),
            returns: Status,
          },
        },
        async (request) => {
          const wanted = { ...parts }
          const { plugins: asked } = request.query as { plugins?: string }
          if (asked === '1' || asked === 'true') wanted.plugins = () => plugins().map(shown)
          return Object.fromEntries(
            await Promise.all(Object.entries(wanted).map(([name, part]) => ask(name, part))),
          )
        },
      )
    },
  }
}

const shown = ({ startMs, ...plugin }: Partial<PluginStatus>) => ({ ...plugin, start_ms: startMs ?? null })
