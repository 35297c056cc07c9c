import type { Static, TSchema } from 'typebox'
import { Type } from '../../api/config-types.ts'

const Count = (value: number, description: string, most = 1_000_000) =>
  Type.Count({ default: value, max: most, description })

const Bytes = (value: number, least: number, most: number, description: string) =>
  Type.Integer({
    minimum: least,
    maximum: most,
    default: value,
    description: description.replace(/^([^.]*)/, '$1, in bytes'),
    must: `a number of bytes from ${least} to ${most}`,
  })

const Wait = (value: string, description: string) =>
  Type.Duration({ default: value, min: '100ms', max: '10m', description })

const Section = <T extends Record<string, TSchema>>(properties: T, description: string) =>
  Type.Closed(properties, { default: {}, description })

/** `proxy.limits` in mezhub.yaml. The page about limits shows what happens when a limit is reached. */
export const limitsSchema = Section(
  {
    connections: Count(
      20_000,
      'Open connections in all. Beyond: of the address group (IPv4 /24, IPv6 /48) with most connections without a sign-in, the oldest is closed for a new one; without any, the new one',
    ),
    connections_per_address: Count(
      2_000,
      'Open connections of one client address (IPv6: of one /64; of one /48 four times as many). Beyond: new ones are closed at once',
    ),
    connections_per_address_per_minute: Count(
      12_000,
      'New connections of one client address in a minute. Beyond: they are closed at once',
    ),
    handshakes: Count(
      4_000,
      'Connections that have not finished their TLS handshake. Beyond: new ones are closed at once',
    ),
    handshakes_per_address: Count(1_000, 'The same from one client address'),
    handshake_timeout: Wait(
      '10s',
      'From accept to the end of the TLS handshake. Beyond: the connection is closed',
    ),
    header_timeout: Wait(
      '10s',
      'Until a request head is complete; also between requests while nobody has signed in on the connection. Beyond: 408, or closed without a response if no byte arrived',
    ),
    request_timeout: Wait(
      '15s',
      "Until a request to the hub's own host is complete, body included. Beyond: 408; a response of the hub that nobody reads is cut",
    ),
    header_count: Count(100, 'Header lines of a request. Beyond: 431', 1_000),
    header_bytes: Bytes(32_768, 4_096, 1_048_576, 'Request line and headers of a request. Beyond: 431'),
    uri_bytes: Bytes(16_384, 1_024, 1_048_576, 'Path and query of a request. Beyond: 414'),
    requests_per_connection: Count(
      100,
      'Requests under way on one connection. Beyond: 429 pipeline_too_long; HTTP/2 streams wait or are refused',
      10_000,
    ),
    anonymous_requests_per_address: Count(
      1_000,
      'Requests under way of one client address by callers who are not identified yet. Beyond: 429 address_limit',
    ),
    calls_per_minute: Section(
      {
        pages: Count(
          12_000,
          "Pages of sign-in and account, the identity provider's callback, back-channel logout, the end of a sign-in on the host of an application, and all other calls of the API without a valid credential",
        ),
        sign_in: Count(300, 'Passkeys, and programs that ask for access'),
        tokens: Count(30, 'Codes for tokens and certificates, joining agents'),
        keys: Count(1_200, 'Public keys of the identity assertion'),
        other: Count(120, 'Every other public route'),
      },
      "Calls of one client address to each public route of the hub's own host in a minute. Somebody who is signed in is counted by address and person; what was called on the way to a sign-in, a code or an application no longer counts once it has succeeded. Beyond: 429 too_many_requests",
    ),
  },
  'Limits of the public port',
)

/** The limits as the hub receives them, with defaults filled in. */
export type LimitsFile = Static<typeof limitsSchema>
