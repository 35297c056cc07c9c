import { hubRooms } from '../../core/hub/open-rooms.ts'
import type { Given, House, Rooms } from '../../core/hub/room.ts'
import { createParts, type Part } from '../../core/kernel/parts.ts'
import { memoryLog } from '../../core/testing/index.ts'
import type { Partly } from './partly.ts'

/**
 * Makes these rooms and what they need as a hub does, without starting them: of what is `given`, with others `instead` of some
 * rooms. Only what they read needs to be given.
 */
export function openTestRooms(options: {
  readonly only: readonly (keyof Rooms)[]
  readonly given: Partly<Given>
  readonly instead?: { readonly [Name in keyof Rooms]?: (rooms: House) => Partly<Rooms[Name]> }
}): House {
  const others = Object.entries(options.instead ?? {}).map(
    ([name, make]) => [name, { ...hubRooms[name as keyof Rooms], make }] as const,
  )
  const list = { ...hubRooms, ...Object.fromEntries(others) } as {
    readonly [Name in keyof Rooms]: Part<Rooms[Name]>
  }
  return createParts<Given, Rooms>(options.given as Given, list, memoryLog().log).make(options.only)
}
