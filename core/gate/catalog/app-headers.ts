import type { AppInput } from '../../api/administration.ts'
import type { App, HeaderChange } from '../../api/app.ts'
import { headerOwner, isReservedInResponse, plainHeaderName } from '../../api/header-names.ts'
import type { AppSpec } from './app-schema.ts'

const HEADER_NAME = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]{1,128}$/

/** The headers of an app document; `fault` is called for each key, null: it is valid. */
export function readHeaders(
  spec: AppSpec,
  fault: (path: string, message: string | null) => void,
): Pick<AppInput, 'identityHeaders' | 'headers' | 'headerSecrets'> {
  const { identity_headers: identityHeaders = {}, headers: { request, response } = {} } = spec
  for (const name of Object.keys(identityHeaders)) fault('identity_headers', identityNameFault(name))
  const secrets = Object.entries(request?.set ?? {}).flatMap(([name, value]) =>
    typeof value === 'string' ? [] : [[name, value] as const],
  )
  const values = secrets.flatMap(([name, value]) => ('value' in value ? [[name, value.value]] : []))
  const pass = [...new Set(request?.pass?.map((name) => name.toLowerCase()))]
  const headers = {
    request: {
      ...readChange(request, (name) => fault('headers.request', requestNameFault(name))),
      ...(pass.length > 0 ? { pass } : {}),
      ...(secrets.length > 0 ? { secret: secrets.map(([name]) => name) } : {}),
    },
    response: readChange(response, (name) => fault('headers.response', responseNameFault(name))),
  }
  const replaced = [
    ...Object.keys(identityHeaders),
    ...Object.keys(request?.set ?? {}),
    ...headers.request.remove,
  ]
  for (const name of pass) fault('headers.request.pass', passedNameFault(name, replaced))
  return {
    identityHeaders: Object.assign(Object.create(null), identityHeaders),
    headers,
    ...(values.length > 0 ? { headerSecrets: Object.fromEntries(values) } : {}),
  }
}

/** `spec.headers` of the complete document. The values of secrets are not in it. */
export function headersDocument({ request, response }: App['headers']): NonNullable<AppSpec['headers']> {
  const secrets = (request.secret ?? []).map((name) => [name, { stored: true as const }])
  const { set, remove } = request
  return {
    request: {
      set: { ...set, ...Object.fromEntries(secrets) },
      remove: [...remove],
      ...(request.pass ? { pass: [...request.pass] } : {}),
    },
    response: { set: { ...response.set }, remove: [...response.remove] },
  }
}

type HeadersDocument = NonNullable<AppSpec['headers']>

/** Values of `set` that are not text are secrets, which are kept apart. */
function readChange(
  given: HeadersDocument['request'] | HeadersDocument['response'],
  check: (name: string) => void,
): HeaderChange {
  const { set = {}, remove = [] } = given ?? {}
  for (const name of [...Object.keys(set), ...remove]) check(name)
  const constant = Object.entries(set).filter(([, value]) => typeof value === 'string')
  return {
    set: Object.assign(Object.create(null), Object.fromEntries(constant)),
    remove: [...new Set(remove.map((name) => name.toLowerCase()))],
  }
}

/** Constant lines may replace every header that a client or an app may send, except cookies. */
function requestNameFault(name: string): string | null {
  if (!HEADER_NAME.test(name)) return `${JSON.stringify(name)} is not a header name`
  const owner = headerOwner(name.toLowerCase())
  return owner === 'own' || owner === 'hub' ? `${name} is set by the hub` : null
}

/** `replaced`: names of the lines that the document sets or removes. */
function passedNameFault(name: string, replaced: readonly string[]): string | null {
  const fault = requestNameFault(name)
  if (fault !== null) return fault
  if (headerOwner(name) === 'anybody') return `${name} already passes`
  const plain = plainHeaderName(name)
  return replaced.some((one) => plainHeaderName(one.toLowerCase()) === plain)
    ? `${name} is also in identity_headers, set or remove`
    : null
}

function responseNameFault(name: string): string | null {
  if (!HEADER_NAME.test(name)) return `${JSON.stringify(name)} is not a header name`
  const lower = name.toLowerCase()
  return isReservedInResponse(lower) || lower === 'content-length' || lower === 'set-cookie'
    ? `${name} is set by the hub or by the app alone`
    : null
}

/** A header that the hub itself reads, or that describes the body, cannot carry an identity. */
function identityNameFault(name: string): string | null {
  const read = /^(?:cookie|origin|referer|accept(?:-.*)?|content-.*|sec-.*|access-control-.*)$/
  const fault = requestNameFault(name)
  if (fault !== null || !read.test(plainHeaderName(name.toLowerCase()))) return fault
  return `${name} has another meaning in HTTP`
}
