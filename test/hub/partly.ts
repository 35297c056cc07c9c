import type { Database } from '../../core/api/database.ts'
import type { Rooms } from '../../core/hub/room.ts'

type Leaf = ((...args: never[]) => unknown) | ReadonlyMap<unknown, unknown> | readonly unknown[] | Database

/** Some members of a part. */
export type Partly<T> = T extends Leaf ? T : { readonly [K in keyof T]?: Partly<T[K]> }

/** Parts of plain memory, with the members that a test needs. */
export const partly = <const Name extends keyof Rooms>(
  parts: {
    readonly [K in Name]: Partly<Rooms[K]>
  },
): Pick<Rooms, Name> => parts as unknown as Pick<Rooms, Name>
