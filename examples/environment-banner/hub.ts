import { defineHubPlugin, Type } from '@mezite/core'

const escaped = (text: string) =>
  text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('"', '&quot;')
/** Within so many bytes a page must have begun its body. */
const HEAD_BYTES = 64 * 1024

/** Puts a line at the top of every page of the named apps, so that nobody takes a test system for the real one. */
export default defineHubPlugin({
  name: 'environment-banner',
  api: 1,
  summary: 'Marks the pages of test systems',
  config: Type.Object(
    {
      banners: Type.Record(Type.String(), Type.String({ minLength: 1 }), { description: 'App to its line' }),
    },
    { additionalProperties: false },
  ),
  setup({ config: { banners }, tap }) {
    const bannerOf = (app: string) => (Object.hasOwn(banners, app) ? banners[app] : undefined)

    // Bytes can only be changed if the app does not compress them.
    tap.http.request((request, { app }) => {
      if (bannerOf(app.name) === undefined) return request
      const keeps = (at: number) => !/^accept-encoding$/i.test(request.headers[at - (at % 2)]!)
      return { ...request, headers: request.headers.filter((_, at) => keeps(at)) }
    })

    tap.http.response((response, { app, transform }) => {
      const banner = bannerOf(app.name)
      const type = response.headers.find((_, at, all) => at % 2 === 1 && /^content-type$/i.test(all[at - 1]!))
      if (banner === undefined || !type?.startsWith('text/html') || response.status === 206) return response
      const line = Buffer.from(`<div role="note">${escaped(banner)}</div>`)
      transform(() => {
        // What has come of the page before its body begins; null once the line is in.
        let held: Buffer | null = Buffer.alloc(0)
        return {
          maxBytes: 2 * HEAD_BYTES,
          write(chunk) {
            if (held === null) return chunk
            const bytes: Buffer = Buffer.concat([held, chunk])
            const body = /<body[^>]*>/i.exec(bytes.toString('latin1'))
            if (body === null && bytes.length < HEAD_BYTES) {
              held = bytes
              return Buffer.alloc(0)
            }
            held = null
            const at = body === null ? 0 : body.index + body[0].length
            return Buffer.concat([bytes.subarray(0, at), line, bytes.subarray(at)])
          },
          end: () => (held === null ? Buffer.alloc(0) : Buffer.concat([line, held])),
        }
      })
      return response
    })
  },
})
