import { defineHubPlugin, publicNames, webRoutes } from '@mezite/core'
import { appKinds, appVerdicts } from '@mezite/core/protocol'
import { Config, faultsOf } from './config.ts'
import { Proxies } from './proxies.ts'
import { reasons } from './reasons.ts'
import { verdictRoutes } from './routes.ts'

/** Lets proxies of the operator ask the gate about requests that they carry themselves. */
export default defineHubPlugin({
  name: 'verdicts',
  api: 1,
  summary: 'Decides about requests that your own proxy carries',
  config: Config,
  validate: faultsOf,
  needs: { appVerdicts, publicNames },
  provides: { appKinds, webRoutes },
  reasons,
  setup({ config, use, provide }) {
    provide.appKinds({ name: 'verdict', schemes: ['none'], servedByHub: true })
    const { portSuffix } = use.publicNames
    const port = Number(portSuffix.slice(1) || 443)
    provide.webRoutes(
      verdictRoutes({ proxies: new Proxies(config.proxies), verdicts: use.appVerdicts, port }),
    )
  },
})
