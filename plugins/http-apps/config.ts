import { Type } from '@mezite/core'

const Count = (value: number, description: string) =>
  Type.Integer({
    minimum: 1,
    maximum: 100_000,
    default: value,
    description,
    must: 'a whole number from 1 to 100000',
  })

/** `plugins: http-apps:` in mezhub.yaml. */
export const HttpAppsConfig = Type.Object(
  {
    requests_per_person: Count(
      1_000,
      'Concurrent requests of one person on one hub, WebSockets and event streams included',
    ),
    requests_per_app: Count(
      8_000,
      'Concurrent requests to one application on one hub, of all people together',
    ),
  },
  { additionalProperties: false },
)
