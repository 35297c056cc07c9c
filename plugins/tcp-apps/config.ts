import { type Static, Type } from '@mezite/core'

const Count = (value: number, description: string) =>
  Type.Integer({
    minimum: 1,
    maximum: 100_000,
    default: value,
    description,
    must: 'a whole number from 1 to 100000',
  })

/** `plugins: tcp-apps:` in mezhub.yaml. */
export const TcpAppsConfig = Type.Object(
  {
    connections_per_person: Count(4_096, 'Concurrent connections of one person to applications, on one hub'),
    connections_per_app: Count(8_000, 'Concurrent connections to one application, on one hub'),
    logins_per_session: Count(64, 'Concurrent connections of msh with one certificate'),
  },
  { additionalProperties: false },
)

export type TcpAppsSettings = Static<typeof TcpAppsConfig>
