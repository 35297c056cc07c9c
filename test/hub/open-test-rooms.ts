import { type Given, makeRooms, type Rooms } from '../../core/hub/room.ts'
import { hubRooms } from '../../core/hub/rooms.ts'
import type { Partly } from './partly.ts'

type Made = Exclude<keyof Rooms, keyof Given>

/**
 * Makes these rooms and what they need as a hub does, without starting them: of what is `given`, with others `instead` of some
 * rooms. Only what they read needs to be given.
 */
export function openTestRooms(options: {
  readonly only: readonly Made[]
  readonly given: Partly<Given>
  readonly instead?: { readonly [Name in Made]?: (rooms: Rooms) => Partly<Rooms[Name]> }
}): Rooms {
  const list = { ...hubRooms, ...options.instead } as typeof hubRooms
  return makeRooms<Given, Rooms>(options.given as Given, list, options.only)
}
