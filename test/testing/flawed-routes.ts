import { catalog, dashboardParts, defineHubPlugin, webRoutes } from '../../core/index.ts'

const NAMED = 'only the routes that the test names are public'
const ROBUST = 'no body and no parameter makes a route fail or hang'

/** What routes get wrong, and the test that finds it. */
export const ROUTE_FLAWS: Readonly<Record<string, readonly string[]>> = {
  none: [],
  'no-routes': [NAMED],
  'one-more-public': [NAMED],
  'one-less-public': [NAMED],
  'public-in-the-hub': ['strangers are refused'],
  'fails-on-bodies': [ROBUST],
  'fails-on-parameters': [ROBUST],
  hangs: [ROBUST],
}

/** Routes with a flaw; `GET /v1/webapi/routes-FLAW/health` is public. */
export const routes = (flaw: string) =>
  defineHubPlugin({
    name: `routes-${flaw}`,
    api: 1,
    summary: 'Has routes',
    needs: { catalog },
    provides: { webRoutes },
    setup({ use, provide }) {
      if (flaw === 'no-routes') return
      provide.webRoutes({
        name: `routes-${flaw}`,
        prefix: `/v1/webapi/routes-${flaw}`,
        async routes(web) {
          if (flaw !== 'one-less-public')
            web.get('/health', { config: { access: 'public' } }, async () => ({}))
          if (flaw === 'one-more-public') web.get('/keys', { config: { access: 'public' } }, async () => ({}))
          // In the test that lists the routes, the service is a stand-in.
          const isOpen = flaw === 'public-in-the-hub' && use.catalog.list !== undefined
          web.get('/', { config: { access: isOpen ? 'public' : 'user' } }, async () => ({}))
          const deadlineMs = flaw === 'hangs' ? 50 : 5_000
          web.put('/:name', { config: { access: 'thing.update', deadlineMs } }, ({ body, params }) => {
            if (flaw === 'hangs') return new Promise(() => {})
            if (flaw === 'fails-on-parameters') JSON.parse((params as { name: string }).name)
            return { size: flaw === 'fails-on-bodies' ? (body as { size: number }).size.toFixed() : 1 }
          })
        },
      })
    },
  })

const SHOWN = 'each page and panel has content that the dashboard can show'

/** What pages and panels get wrong, and the test that finds it. */
export const PART_FLAWS: Readonly<Record<string, readonly string[]>> = {
  none: [],
  'no-parts': ['it adds pages or panels'],
  'page-throws': [SHOWN],
  'panel-rejects': [SHOWN],
  'foreign-link': [SHOWN],
  'too-long': [SHOWN],
}

export const parts = (flaw: string) =>
  defineHubPlugin({
    name: `parts-${flaw}`,
    api: 1,
    summary: 'Has a page and a panel',
    provides: { dashboardParts },
    setup({ provide }) {
      if (flaw === 'no-parts') return
      provide.dashboardParts({
        kind: 'page',
        right: 'thing.list',
        path: `parts-${flaw}`,
        title: `Page ${flaw}`,
        async content() {
          if (flaw === 'page-throws') throw new Error('broken')
          const href = flaw === 'foreign-link' ? 'https://example.com' : '/web/account'
          return [
            { kind: 'facts', facts: { Link: { text: 'x', href } } },
            { kind: 'text', text: 'x'.repeat(flaw === 'too-long' ? 1_000_001 : 10) },
          ]
        },
      })
      provide.dashboardParts({
        kind: 'panel',
        right: 'thing.read',
        title: `Panel ${flaw}`,
        content: async () => (flaw === 'panel-rejects' ? Promise.reject(new Error('broken')) : null),
      })
    },
  })
