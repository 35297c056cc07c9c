import { createHash, createHmac } from 'node:crypto'

/** What signs a request. */
export interface Signer {
  readonly region: string
  readonly access_key: string
  readonly secret_key: string
}

const EMPTY = createHash('sha256').digest('hex')
const hmac = (key: string | Buffer, text: string) => createHmac('sha256', key).update(text).digest()
/** RFC 3986 with its unreserved characters alone, as the signature wants. */
export const encode = (text: string): string =>
  encodeURIComponent(text).replace(/[!'()*]/g, (one) => `%${one.charCodeAt(0).toString(16).toUpperCase()}`)

/**
 * The headers of a GET request without a body, signed with AWS Signature Version 4. `path` is encoded; `headers` are more to
 * sign, by lower-case names.
 */
export function signedHeaders(
  { region, access_key, secret_key }: Signer,
  request: {
    readonly host: string
    readonly path: string
    readonly query?: Readonly<Record<string, string>>
    readonly headers?: Readonly<Record<string, string>>
    /** Milliseconds since the epoch. */
    readonly now: number
  },
): Record<string, string> {
  const time = new Date(request.now).toISOString().replace(/[-:]|\.\d+/g, '')
  const scope = `${time.slice(0, 8)}/${region}/s3/aws4_request`
  const headers: Record<string, string> = {
    ...{ host: request.host, ...request.headers },
    ...{ 'x-amz-content-sha256': EMPTY, 'x-amz-date': time },
  }
  const names = Object.keys(headers).sort()
  const canonical = [
    ...['GET', request.path, queryOf(request.query ?? {})],
    ...names.map((name) => `${name}:${headers[name]}`),
    ...['', names.join(';'), EMPTY],
  ].join('\n')
  const digest = createHash('sha256').update(canonical).digest('hex')
  const key = [region, 's3', 'aws4_request'].reduce(hmac, hmac(`AWS4${secret_key}`, time.slice(0, 8)))
  const signature = hmac(key, `AWS4-HMAC-SHA256\n${time}\n${scope}\n${digest}`).toString('hex')
  const authorization = `AWS4-HMAC-SHA256 Credential=${access_key}/${scope},SignedHeaders=${names.join(';')},Signature=${signature}`
  return { ...headers, authorization }
}

/** The query in the order and the encoding of the signature. */
export const queryOf = (query: Readonly<Record<string, string>>): string =>
  Object.keys(query)
    .sort()
    .map((name) => `${encode(name)}=${encode(query[name]!)}`)
    .join('&')
