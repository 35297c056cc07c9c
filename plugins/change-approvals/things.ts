import { createHash } from 'node:crypto'
import type { AdminCall, AdminCalls, AskedCall } from '@mezite/core/types'

/** The thing that a change is about, as the hub has it now. */
export interface Thing {
  /** Stands for its content; `none` if there is no such thing. */
  readonly print: string
  /** Null: there is none. */
  readonly document: unknown
  /** For `If-Match`; null: it has none. */
  readonly etag: string | null
}

const NONE: Thing = { print: 'none', document: null, etag: null }
/** Members that change without anybody's change. */
const MOVING = /^(last_|used|seen|sessions$|streams$|connected|locked$|status$|since$|rtt)/

/** Reads what a call changes: the thing that its path names, or its own path. */
export async function readThing(
  calls: AdminCalls,
  { url, thing }: Pick<AdminCall, 'url'> & Pick<AskedCall, 'thing'>,
): Promise<Thing> {
  const path = thing?.path ?? url.split('?', 1)[0] ?? ''
  const { status, body } = await calls.read({ method: 'GET', url: path, body: undefined })
  if (status === 200 && isObject(body)) return thingOf(body)
  if (status >= 500) throw new Error(`reading ${path} failed with status ${status}`)
  // A list, or nothing at all: the call makes something new.
  if (thing === null || (status !== 404 && status !== 405)) return NONE
  const list = await calls.read({ method: 'GET', url: path.slice(0, path.lastIndexOf('/')), body: undefined })
  const found = Array.isArray(list.body) ? list.body.find(({ id }) => id === thing.key) : undefined
  return isObject(found) ? thingOf(found) : NONE
}

function thingOf(body: Record<string, unknown>): Thing {
  const { etag, status, ...document } = body
  const tag = etag ?? (isObject(status) ? status.etag : undefined)
  return { print: printOf(document), document, etag: typeof tag === 'string' ? tag : null }
}

const printOf = (document: Record<string, unknown>): string => {
  const lasting = Object.entries(document).filter(([name]) => !MOVING.test(name))
  return createHash('sha256').update(JSON.stringify(lasting)).digest('base64url')
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
