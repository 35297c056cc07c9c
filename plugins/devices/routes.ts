import { type Catalog, resourceRoutes, Type, type WebRoutes } from '@mezite/core'
import { PageQuery } from '@mezite/core/administration'
import type { DeviceDesk } from './desk.ts'
import { problemFor } from './reasons.ts'
import type { Device, DeviceStore } from './store.ts'

const Use = Type.Nullable(
  Type.Object({ time: Type.String(), client_ip: Type.String(), user_agent: Type.String() }),
)
const Listed = Type.Object({
  id: Type.String({ description: 'Also the id of its session' }),
  user: Type.String(),
  name: Type.String(),
  app: Type.String(),
  paths: Type.Array(Type.String(), { description: 'The only paths, each with all below it. Empty: all' }),
  created: Type.String(),
  expires: Type.String(),
  first_used: Use,
  last_used: Use,
  moved: Type.Nullable(
    Type.String({ description: 'When another program in another network used it for the first time' }),
  ),
})

const iso = (at: number) => new Date(at).toISOString()
const useOf = (at: number | null, ip: string | null, agent: string | null) =>
  at === null ? null : { time: iso(at), client_ip: ip ?? '', user_agent: agent ?? '' }

/** One device as the API shows it. */
export const shownOf = (device: Device, catalog: Pick<Catalog, 'byId'>) => ({
  id: device.id,
  user: device.user_name,
  name: device.name,
  app: catalog.byId(device.app)?.name ?? device.app,
  paths: device.paths,
  created: iso(device.created),
  expires: iso(device.expires),
  first_used: useOf(device.first_at, device.first_ip, device.first_agent),
  last_used: useOf(device.last_at, device.last_ip, device.last_agent),
  moved: device.moved === null ? null : iso(device.moved),
})

/** `/v1/webapi/devices`, for administrators. */
export function deviceRoutes(deps: {
  readonly store: DeviceStore
  readonly desk: Pick<DeviceDesk, 'remove'>
  readonly catalog: Pick<Catalog, 'byId'>
}): WebRoutes {
  const { store, desk, catalog } = deps
  const query = Type.Closed({
    ...PageQuery.properties,
    user: Type.Optional(Type.String({ description: 'Only those of this person' })),
  })
  return resourceRoutes<Device>(
    {
      ...{ name: 'device', collection: 'devices', key: 'id', form: { flat: Listed } },
      show: (device) => shownOf(device, catalog),
      search: (device) => `${device.user_name} ${device.name} ${catalog.byId(device.app)?.name ?? ''}`,
      sorts: { last_used: ({ last_at }) => last_at ?? 0, expires: ({ expires }) => expires },
      missing: () => problemFor('device_not_found'),
      list: {
        summary: 'Phones and other clients that people have added',
        query,
        rows: ({ query: asked }) => {
          const { user } = Object(asked) as { user?: string }
          return user === undefined
            ? store.list()
            : store.list().filter(({ user_name }) => user_name === user)
        },
      },
      get: { summary: 'One device', find: (id) => store.byId(id) },
    },
    (on) => {
      const removed = Type.Object({ id: Type.String(), removed: Type.Boolean() })
      const remove = {
        access: 'device.delete',
        summary: 'Ends a device of a person at once',
        cuts: true,
        returns: removed,
      } as const
      on('DELETE /:id', remove, async (id, { actor }) => {
        await desk.remove(id, actor, false)
        return { id, removed: true }
      })
    },
  )
}
