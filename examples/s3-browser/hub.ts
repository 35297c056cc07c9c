import { defineHubPlugin } from '@mezite/core'
import { appKinds } from '@mezite/core/protocol'

/** Lets operators register `protocol: s3-browser` with `uri: s3://BUCKET:443`: a bucket that the agent shows as web pages. */
export default defineHubPlugin({
  name: 's3-browser',
  api: 1,
  summary: 'Shows buckets of S3 as applications',
  provides: { appKinds },
  setup({ provide }) {
    provide.appKinds({ name: 's3-browser', schemes: ['s3'], servedByHub: true })
  },
})
