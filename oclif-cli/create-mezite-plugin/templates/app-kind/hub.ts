import { defineHubPlugin } from '@mezite/core'
import { appKinds } from '@mezite/core/protocol'

/** Lets operators register applications with `protocol: my-plugin` and a URI such as `my-plugin://host:port`. */
export default defineHubPlugin({
  name: 'my-plugin',
  api: 1,
  summary: 'A kind of application',
  provides: { appKinds },
  setup({ provide }) {
    provide.appKinds({ name: 'my-plugin', schemes: ['my-plugin'], servedByHub: false })
  },
})
