import { open, realpath } from 'node:fs/promises'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { extname, join, sep } from 'node:path'
import { type Duplex, duplexPair } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { DialRefusal, defineAgentPlugin, Type } from '@mezite/core'

const TYPES: Readonly<Record<string, string>> = {
  ...{ '.html': 'text/html; charset=utf-8', '.css': 'text/css', '.js': 'text/javascript' },
  ...{ '.json': 'application/json', '.svg': 'image/svg+xml', '.png': 'image/png', '.txt': 'text/plain' },
}

/**
 * Serves the files of a folder for each `site://NAME:80`. `sites` is the agent's own allow-list: the hub can name a site but
 * never a folder. The agent dials every other target itself.
 */
export default defineAgentPlugin({
  name: 'static-site',
  api: 1,
  summary: 'Serves folders as applications',
  config: Type.Object({ sites: Type.Record(Type.String(), Type.String()) }, { additionalProperties: false }),
  setup({ config, tap }) {
    const sites = new Map(Object.entries(config.sites))
    const streams = new Set<Duplex>()
    tap.dial.open(({ uri }) => {
      const { protocol, hostname } = new URL(uri)
      if (protocol !== 'site:') return null
      const folder = sites.get(hostname)
      if (folder === undefined) throw new DialRefusal('site_unknown', `"sites" does not name ${hostname}`)
      // The server listens nowhere: a connection of the tunnel is one end of a pair in memory.
      const [near, far] = duplexPair()
      streams.add(near)
      near.once('close', () => streams.delete(near) && far.destroy())
      far.on('error', () => {}).once('close', () => near.destroy())
      createServer((request, response) => void serve(folder, request, response)).emit('connection', far)
      return near
    })
    tap.lifecycle.stop(() => {
      for (const stream of streams) stream.destroy()
    })
  },
})

async function serve(folder: string, request: IncomingMessage, response: ServerResponse): Promise<void> {
  response.on('error', () => {})
  try {
    if (request.method !== 'GET' && request.method !== 'HEAD')
      return void response.writeHead(405, { allow: 'GET, HEAD' }).end()
    const path = decodeURIComponent(new URL(request.url ?? '/', 'http://site').pathname)
    const root = await realpath(folder)
    // Links that lead out of the folder, and hidden files, are not published.
    const file = await realpath(join(root, path, path.endsWith('/') ? 'index.html' : ''))
    if (!file.startsWith(root + sep) || path.includes('/.')) throw new Error('not a file of the site')
    await using handle = await open(file)
    const status = await handle.stat()
    if (!status.isFile()) throw new Error('not a file')
    const type = TYPES[extname(file)] ?? 'application/octet-stream'
    response.writeHead(200, {
      'content-type': type,
      'content-length': status.size,
      'x-content-type-options': 'nosniff',
    })
    if (request.method === 'HEAD') return void response.end()
    await pipeline(handle.createReadStream({ autoClose: false }), response)
  } catch {
    if (response.headersSent) response.destroy()
    else response.writeHead(404, { 'content-type': 'text/plain' }).end('There is no such page.\n')
  }
}
