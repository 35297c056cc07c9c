import { type Static, type TSchema, Type } from 'typebox'
import { DURATION_PATTERN } from '../../api/duration.ts'

const closed = { additionalProperties: false } as const

const Count = (value: number, description: string, most = 1_000_000) =>
  Type.Optional(
    Type.Integer({
      minimum: 1,
      maximum: most,
      default: value,
      description,
      must: `a whole number from 1 to ${most}`,
    }),
  )

const Bytes = (value: number, least: number, most: number, description: string) =>
  Type.Optional(
    Type.Integer({
      minimum: least,
      maximum: most,
      default: value,
      description: `${description}, in bytes`,
      must: `a number of bytes from ${least} to ${most}`,
    }),
  )

const Wait = (value: string, description: string) =>
  Type.Optional(
    Type.String({
      pattern: DURATION_PATTERN,
      default: value,
      description,
      must: 'a duration from 100ms to 10m, such as 10s',
    }),
  )

const Section = <T extends Record<string, TSchema>>(properties: T, description: string) =>
  Type.Optional(Type.Object(properties, { ...closed, default: {}, description }))

/** `proxy.limits` in mezhub.yaml. The page about limits shows what happens when a limit is reached. */
export const limitsSchema = Section(
  {
    connections: Count(20_000, 'Open connections in all'),
    connections_per_address: Count(2_000, 'Open connections of one client address (IPv6: of one /64)'),
    connections_per_address_per_minute: Count(12_000, 'New connections of one client address in a minute'),
    handshakes: Count(4_000, 'Connections that have not finished their TLS handshake'),
    handshakes_per_address: Count(1_000, 'The same from one client address'),
    handshake_timeout: Wait('10s', 'From accept to the end of the TLS handshake'),
    header_timeout: Wait(
      '10s',
      'A request head must be complete after this long; also how long a connection may wait for its next request while nobody has signed in on it',
    ),
    request_timeout: Wait('15s', "A request to the hub's own host must be complete, body included"),
    header_count: Count(100, 'Header lines of a request', 1_000),
    header_bytes: Bytes(32_768, 4_096, 1_048_576, 'Request line and headers of a request'),
    uri_bytes: Bytes(16_384, 1_024, 1_048_576, 'Path and query of a request'),
    requests_per_connection: Count(100, 'Requests under way on one connection', 10_000),
    anonymous_requests_per_address: Count(
      1_000,
      'Requests under way of one client address by callers who are not known yet',
    ),
    calls_per_minute: Section(
      {
        pages: Count(600, 'Pages of sign-in and account, back-channel logout'),
        sign_in: Count(300, "Beginning a sign-in, the identity provider's callback, passkeys"),
        tokens: Count(30, 'Codes for tokens and certificates, joining agents'),
        keys: Count(1_200, 'Public keys of the identity assertion'),
        other: Count(120, 'Every other public route'),
      },
      "Calls of one client address to each public route of the hub's own host in a minute",
    ),
  },
  'Limits of the public port',
)

export type RawLimits = Static<typeof limitsSchema>
