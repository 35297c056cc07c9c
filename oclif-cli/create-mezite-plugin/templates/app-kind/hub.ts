import { defineHubPlugin } from '@mezite/core'
import { appKinds } from '@mezite/core/protocol'

/**
 * Lets operators register applications with `protocol: my-plugin` and a URI such as `my-plugin://host:port`. People reach
 * them through a protocol of the public port, which a plugin adds to the slot `protocols`; `conformProtocol` tests it.
 */
export default defineHubPlugin({
  name: 'my-plugin',
  api: 1,
  summary: 'A kind of application',
  provides: { appKinds },
  setup({ provide }) {
    provide.appKinds({ name: 'my-plugin', schemes: ['my-plugin'], servedByHub: false })
  },
})
