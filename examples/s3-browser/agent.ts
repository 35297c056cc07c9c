import { createServer } from 'node:http'
import { type Duplex, duplexPair } from 'node:stream'
import { DialRefusal, defineAgentPlugin, Type } from '@mezite/core'
import { servePages } from './pages.ts'

const Bucket = Type.Object(
  {
    endpoint: Type.String({ pattern: '^https?://[^/]+$', description: 'Origin of the service' }),
    region: Type.String({ default: 'us-east-1' }),
    access_key: Type.String(),
    secret_key: Type.Secret({ description: 'The secret key' }),
  },
  { additionalProperties: false },
)

/**
 * Shows the bucket of each `s3://BUCKET:443`. The keys stay with the agent, and only buckets that it names are reached. The
 * agent dials every other target itself.
 */
export default defineAgentPlugin({
  name: 's3-browser',
  api: 1,
  summary: 'Shows buckets of S3 as applications',
  config: Type.Object(
    { buckets: Type.Object({}, { additionalProperties: Bucket }) },
    { additionalProperties: false },
  ),
  setup({ config, clock, tap }) {
    const buckets = new Map(Object.entries(config.buckets))
    const streams = new Set<Duplex>()

    tap.dial.open(({ uri }) => {
      const { protocol, hostname } = new URL(uri)
      if (protocol !== 's3:') return null
      const bucket = buckets.get(hostname)
      if (bucket === undefined) throw new DialRefusal('bucket_unknown', `"buckets" does not name ${hostname}`)
      const [near, far] = duplexPair()
      streams.add(near)
      near.once('close', () => streams.delete(near) && far.destroy())
      far.on('error', () => {}).once('close', () => near.destroy())
      const pages = servePages({ ...bucket, name: hostname, now: () => clock.now() })
      createServer(pages).emit('connection', far)
      return near
    })
    tap.lifecycle.stop(() => {
      for (const stream of streams) stream.destroy()
    })
  },
})
