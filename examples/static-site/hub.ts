import { defineHubPlugin } from '@mezite/core'
import { appKinds } from '@mezite/core/protocol'

/** Lets operators register `protocol: static-site` with `uri: site://NAME:80`: a folder that the agent publishes. */
export default defineHubPlugin({
  name: 'static-site',
  api: 1,
  summary: 'Publishes folders as applications',
  provides: { appKinds },
  setup({ provide }) {
    // Browsers reach it: `http-apps` asks for access, signs in, records and relays, as for any web application.
    provide.appKinds({ name: 'static-site', schemes: ['site'], servedByHub: true })
  },
})
