import { proposalsPage } from '../../plugins/app-proposals/page.ts'
import type { Proposal, Proposals } from '../../plugins/app-proposals/proposals.ts'
import type { Shot } from './hub-pages.ts'

const proposal = (name: string, port: number, more: Partial<Proposal> = {}): Proposal => ({
  id: '3f2a9c1b20d4e6f8',
  agent: 'shop-1',
  state: 'pending',
  problem: null,
  proposed: Date.now() - 5_400_000,
  ...more,
  app: { name, uri: `http://127.0.0.1:${port}`, labels: { env: 'test', team: 'shop' } },
})
const ALL: readonly Proposal[] = [
  proposal('shop-cart', 3000),
  proposal('shop-mail', 3001, { state: 'refused' }),
  proposal('shop-pay', 3002, {
    problem: 'spec.public_addr: pay.apps.northwind.example is taken by the app pay',
  }),
]

/** The page "Proposed apps", as the plugin renders it; no agent of these pictures proposes any. */
export const proposalsShot = (origin: string): Shot => ({
  name: 'admin-app-proposals',
  async open(page) {
    const part = proposalsPage({ list: async () => ALL } as unknown as Proposals)
    if (part.kind !== 'page') throw new Error('it is a page')
    const { path, title } = part
    const blocks = await part.content({} as never)
    await page.unrouteAll({ behavior: 'ignoreErrors' })
    await page.route('**/v1/webapi/dashboard/pages', (route) => route.fulfill({ json: [{ path, title }] }))
    await page.route(`**/v1/webapi/dashboard/pages/${path}`, (route) =>
      route.fulfill({ json: { title, blocks } }),
    )
    await page.goto(`${origin}/web/admin/plugins/${path}`)
    await page.locator('main h1').first().waitFor()
    await page.locator('table').first().waitFor()
  },
})
