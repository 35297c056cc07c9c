import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http'
import { pipeline } from 'node:stream/promises'
import { encode, queryOf, type Signer, signedHeaders } from './signature.ts'

/** A bucket, and how to reach it. */
export interface Bucket extends Signer {
  readonly name: string
  readonly endpoint: string
  readonly now: () => number
}

const STEP_MS = 30_000
const MOST_LIST = 4 << 20

/** Serves folders of the bucket as lists of links, and objects as downloads. */
export const servePages =
  (bucket: Bucket): RequestListener =>
  (request, response) => {
    response.on('error', () => {})
    serve(bucket, request, response).catch(() => {
      if (response.headersSent) response.destroy()
      else response.writeHead(502, { 'content-type': 'text/plain' }).end('The bucket cannot be read.\n')
    })
  }

async function serve(bucket: Bucket, request: IncomingMessage, response: ServerResponse): Promise<void> {
  if (request.method !== 'GET') return void response.writeHead(405, { allow: 'GET' }).end()
  const { pathname, searchParams } = new URL(request.url ?? '/', 'http://bucket')
  const key = decodeURIComponent(pathname.slice(1))
  if (key === '' || key.endsWith('/')) return listFolder(bucket, key, searchParams.get('after'), response)
  const found = await get(bucket, `/${encode(bucket.name)}/${key.split('/').map(encode).join('/')}`)
  if (found.status === 404) {
    await found.body?.cancel()
    return void response.writeHead(404, { 'content-type': 'text/plain' }).end('There is no such object.\n')
  }
  if (!found.ok || found.body === null) throw new Error(`status ${found.status}`)
  const length = found.headers.get('content-length')
  // Whoever may write the bucket must not run scripts in the person's session with the application.
  response.writeHead(200, {
    ...{ 'content-type': 'application/octet-stream', 'x-content-type-options': 'nosniff' },
    ...{ 'content-disposition': 'attachment', ...(length !== null && { 'content-length': length }) },
  })
  await pipeline(found.body, response)
}

async function listFolder(
  bucket: Bucket,
  prefix: string,
  after: string | null,
  response: ServerResponse,
): Promise<void> {
  const query = {
    ...{ 'list-type': '2', 'encoding-type': 'url', delimiter: '/', prefix },
    ...(after !== null && { 'continuation-token': after }),
  }
  const found = await get(bucket, `/${encode(bucket.name)}`, query)
  if (!found.ok) throw new Error(`status ${found.status}`)
  if (Number(found.headers.get('content-length') ?? 0) > MOST_LIST) throw new Error('the list is too long')
  const xml = await found.text()
  const all = (tag: string) =>
    [...xml.matchAll(new RegExp(`<${tag}>([^<]*)</${tag}>`, 'g'))].map(([, text = '']) => text)
  // The service encodes keys as in URLs, so that no text of XML needs to be decoded.
  const keys = [...all('Prefix'), ...all('Key')].map((text) => decodeURIComponent(text.replaceAll('+', ' ')))
  const links = keys
    .filter((key) => key !== prefix)
    .map(
      (key) =>
        `<li><a href="/${key.split('/').map(encode).join('/')}">${asMarkup(key.slice(prefix.length))}</a></li>`,
    )
  const [next] = all('NextContinuationToken')
  const more = next === undefined ? '' : `<p><a href="?after=${encode(asText(next))}">More</a></p>`
  const up = prefix === '' ? '' : '<p><a href="../">Up</a></p>'
  const title = asMarkup(`${bucket.name}/${prefix}`)
  response
    .writeHead(200, {
      'content-type': 'text/html; charset=utf-8',
      'content-security-policy': "default-src 'none'",
    })
    .end(`<!doctype html><title>${title}</title><h1>${title}</h1>${up}<ul>${links.join('')}</ul>${more}`)
}

function get(bucket: Bucket, path: string, query: Readonly<Record<string, string>> = {}): Promise<Response> {
  const url = new URL(bucket.endpoint)
  const { host: _, ...headers } = signedHeaders(bucket, { host: url.host, path, query, now: bucket.now() })
  const search = queryOf(query)
  return fetch(`${url.origin}${path}${search === '' ? '' : `?${search}`}`, {
    ...{ headers, redirect: 'error', signal: AbortSignal.timeout(STEP_MS) },
  })
}

const ENTITIES: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' }
const asMarkup = (text: string) => text.replace(/[&<>"]/g, (one) => ENTITIES[one]!)
const asText = (text: string) =>
  text.replace(
    /&(?:amp|lt|gt|quot);/g,
    (entity) => Object.keys(ENTITIES).find((one) => ENTITIES[one] === entity)!,
  )
