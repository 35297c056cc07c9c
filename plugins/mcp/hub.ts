import {
  adminRights,
  audit,
  defineHubPlugin,
  documentation,
  publicNames,
  Type,
  webRoutes,
} from '@mezite/core'
import { hubState } from '@mezite/core/administration'
import { createConcurrencyQuota, createRateLimit } from '@mezite/core/protocol'
import { mcpRoutes } from './endpoint.ts'
import { toolsOf } from './tools.ts'

/** The hub as a server of the Model Context Protocol: tools that read and check, each with the rights of the caller's API token. */
export default defineHubPlugin({
  name: 'mcp',
  api: 1,
  summary: 'Lets AI assistants ask the hub, as an MCP server with the rights of an API token',
  config: Type.Closed({
    calls_per_minute: Type.Integer({
      ...{ default: 60, minimum: 1, maximum: 10_000 },
      description: 'the most messages of one API token a minute, on each hub',
    }),
  }),
  needs: { adminRights, audit, hubState, publicNames },
  wants: { documentation },
  provides: { webRoutes },
  setup({ clock, config, use, provide }) {
    provide.webRoutes(
      mcpRoutes({
        ...use,
        tools: toolsOf(use.documentation),
        origin: use.publicNames.hubOrigin,
        version: use.hubState.version,
        rates: createRateLimit(clock),
        underWay: createConcurrencyQuota(),
        callsPerMinute: config.calls_per_minute,
      }),
    )
  },
})
