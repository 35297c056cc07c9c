import type { OperationReader, ReadableRequest } from '@mezite/core/types'
import { OPERATION } from '../verdict.ts'
import { readGrpc } from './grpc.ts'
import { readJsonRpc } from './json-rpc.ts'
import { readMcp } from './mcp.ts'
import type { Protocol } from './operation-rule.ts'
import { type Found, ReadRequest } from './read-request.ts'

const READERS: Readonly<Record<Protocol, (request: ReadableRequest) => Found>> = {
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
    return new ReadRequest(protocol, READERS[protocol](request))
  },
})
