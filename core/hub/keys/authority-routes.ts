import type { WebRoutes } from '../web/web-routes.ts'
import type { Authorities, AuthorityName } from './authorities.ts'

const NAMES: readonly AuthorityName[] = ['hub-ca', 'agent-ca', 'user-ca']

/** `GET /v1/webapi/auth/export/{hub-ca,agent-ca,user-ca}`: certificates as PEM, never keys. */
export function authorityRoutes(authorities: Pick<Authorities, 'bundle'>): WebRoutes {
  return {
    name: 'authorities',
    prefix: '/v1/webapi/auth/export',
    async routes(web) {
      for (const name of NAMES) {
        web.get(`/${name}`, { config: { access: 'admin' } }, async (_request, reply) => {
          reply.type('application/x-pem-file')
          return `${authorities.bundle(name).join('\n').trim()}\n`
        })
      }
    },
  }
}
