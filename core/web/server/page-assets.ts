import type { Pages } from '../../api/pages.ts'
import { problemFor } from '../../api/reasons.ts'
import type { WebRoutes } from '../../api/web-routes.ts'
import { ASSET_PATHS } from '../pages/pages.ts'

/** The files that pages of the hub's own hosts load. */
export function pageAssets(pages: Pick<Pages, 'asset'>): WebRoutes {
  return {
    name: 'page-assets',
    prefix: '',
    async routes(app) {
      app.get<{ Params: { name: string } }>(
        `${ASSET_PATHS.hub}:name`,
        { config: { access: 'public', rate: 'pages' } },
        (request, reply) => {
          const asset = pages.asset(request.params.name)
          if (asset === undefined) throw problemFor('not_found', 'There is no such file.')
          if (asset.policy !== undefined) reply.header('content-security-policy', asset.policy)
          return reply
            .type(asset.type)
            .header('cache-control', 'public, max-age=31536000, immutable')
            .send(asset.content)
        },
      )
    },
  }
}
