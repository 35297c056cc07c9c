import type { Database } from '../../core/api/database.ts'
import type { House } from '../../core/hub/room.ts'

type Leaf = ((...args: never[]) => unknown) | ReadonlyMap<unknown, unknown> | readonly unknown[] | Database

/** Some members of a part. */
export type Partly<T> = T extends Leaf ? T : { readonly [K in keyof T]?: Partly<T[K]> }

/** Parts of plain memory, with the members that a test needs. */
export const partly = <const Name extends keyof House>(
  parts: {
    readonly [K in Name]: Partly<House[K]>
  },
): Pick<House, Name> => parts as unknown as Pick<House, Name>
