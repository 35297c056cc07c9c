import type { ReadableRequest } from '@mezite/core/types'
import { Unreadable } from './json-body.ts'
import { found } from './json-rpc.ts'
import type { Found } from './read-request.ts'

const PATH = /^\/([A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*\/[A-Za-z_]\w*)$/

/** Reads a call of gRPC, gRPC-Web or Connect: its path is the service and the method, in the one spelling that every server knows. */
export const readGrpc = ({ method, target }: ReadableRequest): Found =>
  found(
    () => {
      const name = PATH.exec(target)?.[1]
      if (method !== 'POST' || name === undefined)
        throw new Unreadable('A call is a POST to /package.Service/Method.')
      return { names: [name], given: [{}] }
    },
    // The hub's own refusal of a gRPC call is a status of gRPC.
    () => null,
  )
