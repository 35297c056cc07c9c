import type { Problem } from '@mezite/core'
import type { Refusal } from '@mezite/core/protocol'
import type { OperationReader } from '@mezite/core/types'
import type { Client } from '../client/client.ts'
import { readWhole } from '../client/whole-body.ts'
import type { Deps } from '../deps.ts'
import { limits } from '../limits.ts'
import { problemFor } from '../reasons.ts'
import type { AppRequest } from '../request/app-request.ts'

/** Everybody together; no user has this name. */
const EVERYBODY = '\n'

/** A request with its operations. */
export interface ReadRequest {
  readonly request: AppRequest
  /** The body, if it was read; it is sent from here. */
  readonly body: Buffer | null
}

/** Reads what a request asks the app to do, for a decision that depends on it. The person has met everything else. */
export async function readOperations(
  call: { readonly deps: Deps; readonly request: AppRequest; readonly client: Client },
  { subject, requirements: [requirement] }: Refusal,
  reader: OperationReader,
): Promise<ReadRequest | Problem> {
  const { deps, request, client } = call
  const { app, method, target, lines } = request
  if (app === undefined || subject === null || requirement === undefined) return problemFor('internal')
  const most = reader.bodyBytes(requirement)
  let body: Buffer | null = null
  if (most !== null) {
    const { reading } = deps
    if (!reading.take(subject.user, limits.readingPerPerson)) return problemFor('too_many_read')
    try {
      if (!reading.take(EVERYBODY, limits.reading)) return problemFor('too_many_read')
      try {
        body = await readWhole(client, request, most)
      } finally {
        reading.give(EVERYBODY)
      }
    } finally {
      reading.give(subject.user)
    }
  }
  const unread = most !== null && body === null
  const about = { requirement, app, subject, method, target, headers: lines, body, unread }
  return { request: { ...request, operations: await reader.read(about) }, body }
}

/** The headers that the app must not see: a response that the hub changes must not be compressed. */
export const hiddenWith = ({ operations }: AppRequest, hides: readonly string[] | null) =>
  operations?.response == null ? hides : [...(hides ?? []), 'accept-encoding']
