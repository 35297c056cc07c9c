import { X509Certificate } from 'node:crypto'
import { testCertificate } from '@mezite/core/testing'
import { waiting } from '../../plugins/acme/attempts.ts'
import { certificatesPage } from '../../plugins/acme/page.ts'
import type { Certificate, Store } from '../../plugins/acme/store.ts'
import type { Shot } from './hub-pages.ts'

const DAY_MS = 86_400_000
const DOMAIN = 'apps.northwind.example'

/** One certificate in each state, as the plugin renders them. */
async function content() {
  const now = Date.now()
  const served = async (names: readonly string[]): Promise<Certificate> => {
    const { cert, key } = await testCertificate(names)
    const there = { served: { cert, key }, leaf: new X509Certificate(cert), renewAt: now + 60 * DAY_MS }
    return { ...waiting(names[0]!, names), ...there }
  }
  const apps = ['grafana', 'prometheus', 'gitlab', 'wiki', 'chat'].map((name) => `${name}.${DOMAIN}`)
  const error = `the authority could not check jenkins.${DOMAIN} (tls-alpn-01: 203.0.113.10: connection refused)`
  const all: readonly Certificate[] = [
    await served(['mezite.northwind.example']),
    await served(apps),
    { ...(await served([`bought.${DOMAIN}`])), imported: true, renewAt: null },
    { ...waiting(`payroll.${DOMAIN}`, [`payroll.${DOMAIN}`]), leaf: null },
    {
      ...waiting(`jenkins.${DOMAIN}`, [`jenkins.${DOMAIN}`]),
      leaf: null,
      attempts: 3,
      lastError: error,
      nextAttempt: now + 480_000,
    },
  ]
  const store = { certificates: new Map(all.map((one) => [one.name, one])) } as unknown as Store
  const page = certificatesPage(store, () => now)
  if (page.kind !== 'page') throw new Error('it is a page')
  return { path: page.path, title: page.title, blocks: await page.content({} as never) }
}

/** The page "Certificates" of a hub that orders them; the hub of these pictures has files. */
export const certificatesShot = (origin: string): Shot => ({
  name: 'admin-certificates',
  async open(page) {
    const { path, title, blocks } = await content()
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
