import { defineHubPlugin, dnsProviders, Type } from '@mezite/core'

interface Reply<T> {
  readonly success: boolean
  readonly errors?: readonly { readonly message: string }[]
  readonly result: T
}
interface Row {
  readonly id: string
}

const TTL_S = 60
/** What Cloudflare says of a record that is there already. */
const EXISTS = /already exists/i

/** Writes the records of DNS-01 challenges to zones at Cloudflare. */
export default defineHubPlugin({
  name: 'cloudflare-dns',
  api: 1,
  summary: 'Proves names for certificates by DNS at Cloudflare',
  config: Type.Object(
    {
      token: Type.Secret({ description: 'API token that may edit the DNS of the zone' }),
      api: Type.String({
        default: 'https://api.cloudflare.com/client/v4',
        pattern: '^(https://|http://127\\.0\\.0\\.1:)',
        description: 'Address of the API',
      }),
    },
    { additionalProperties: false },
  ),
  provides: { dnsProviders },
  setup({ config: { token, api }, provide }) {
    async function call<T>(signal: AbortSignal, method: string, path: string, body?: object): Promise<T> {
      const response = await fetch(`${api}${path}`, {
        ...{ method, signal, redirect: 'error' },
        headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
        ...(body && { body: JSON.stringify(body) }),
      })
      const reply = (await response.json().catch(() => ({}))) as Partial<Reply<T>>
      if (reply.success !== true) {
        const said = reply.errors?.map(({ message }) => message).join('; ')
        throw new Error(`Cloudflare refused ${method} ${path}: ${said || `HTTP ${response.status}`}`)
      }
      return reply.result as T
    }

    /** The zone with the longest name that the record is in. */
    async function zoneOf(name: string, signal: AbortSignal): Promise<string> {
      for (let at = name; at.includes('.'); at = at.slice(at.indexOf('.') + 1)) {
        const [zone] = await call<readonly Row[]>(signal, 'GET', `/zones?name=${encodeURIComponent(at)}`)
        if (zone) return zone.id
      }
      throw new Error(`the token sees no zone of ${name}`)
    }

    provide.dnsProviders({
      name: 'cloudflare',
      async present({ name, value }, signal) {
        const zone = await zoneOf(name, signal)
        const record = { type: 'TXT', name, content: value, ttl: TTL_S }
        await call(signal, 'POST', `/zones/${zone}/dns_records`, record).catch((error: Error) => {
          if (!EXISTS.test(error.message)) throw error
        })
      },
      async cleanup({ name, value }, signal) {
        const zone = await zoneOf(name, signal)
        const query = new URLSearchParams({ type: 'TXT', name, content: value })
        const found = await call<readonly Row[]>(signal, 'GET', `/zones/${zone}/dns_records?${query}`)
        for (const { id } of found) await call(signal, 'DELETE', `/zones/${zone}/dns_records/${id}`)
      },
    })
  },
})
