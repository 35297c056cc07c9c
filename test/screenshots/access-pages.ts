import { type openDashboard, openPage } from './dashboard-pages.ts'
import type { Shot } from './hub-pages.ts'

/** What the dashboard shows of access for a time: apps that an administrator may ask for, all requests, and the use of roles. */
export async function openAccessOverTime({
  hub,
  app,
  role,
  visitor,
  claimsOf,
}: Pick<Awaited<ReturnType<typeof openDashboard>>, 'hub' | 'app' | 'role' | 'visitor' | 'claimsOf'>): Promise<
  Shot[]
> {
  await app('erp', { desk: 'erp' }, { name: 'ERP', group: 'Office' }, 'Orders and invoices')
  await app('hr', { desk: 'erp' }, { name: 'Personnel files', group: 'Office' }, 'Contracts')
  await role('engineers', {
    allow: { app_labels: { team: ['platform', 'dev'] }, request: { app_labels: { desk: 'erp' } } },
  })
  const lena = await visitor(claimsOf('lena@northwind.example'))
  for (const [name, reason] of [
    ['erp', 'Invoice 4711 is wrong'],
    ['hr', '<b>audit</b> of the contracts of this year, with the works council'],
  ] as const) {
    const form = await lena.open(`${hub.signInUrl}/web/access-requests/new?app=${name}`)
    await lena.submit(form, /access-requests$/, { for: '1h', reason })
  }
  const at = (name: string, path: string): Shot => ({ name, open: (page) => openPage(page, hub.url + path) })
  return [
    at('launcher-requestable', '/'),
    at('admin-access-requests', '/web/admin/plugins/access-requests'),
    at('admin-person-use', '/web/admin/people/lena@northwind.example'),
  ]
}
