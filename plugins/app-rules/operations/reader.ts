import type { OperationReader, ReadableRequest } from '@mezite/core/types'
import { OPERATION } from '../verdict.ts'
import { readGrpc } from './grpc.ts'
import { readJsonRpc } from './json-rpc.ts'
import { readMcp } from './mcp.ts'
import type { Protocol } from './operation-rule.ts'
import { type Found, ReadRequest } from './read-request.ts'

const READERS: Readonly<Partial<Record<Protocol, (request: ReadableRequest) => Found>>> = {
  mcp: readMcp,
  jsonrpc: readJsonRpc,
  grpc: readGrpc,
}

/** Reads what requests ask for, where a rule has `operations`. */
export const createReader = (bodyBytes: number): OperationReader => ({
  requirement: OPERATION,
  bodyBytes: ({ protocol }) => (protocol === 'grpc' ? null : bodyBytes),
  read(request) {
    const protocol = request.requirement.protocol as Protocol
    const read = READERS[protocol]
    // A request that fails is not forwarded.
    if (read === undefined) throw new Error(`no reader for ${protocol}`)
    return new ReadRequest(protocol, read(request))
  },
})
