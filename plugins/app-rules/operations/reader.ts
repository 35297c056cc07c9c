import type { OperationReader, ReadableRequest } from '@mezite/core/types'
import { OPERATION } from '../verdict.ts'
import { createGraphqlReader } from './graphql.ts'
import { readGrpc } from './grpc.ts'
import { readJsonRpc } from './json-rpc.ts'
import { readMcp } from './mcp.ts'
import type { Protocol } from './operation-rule.ts'
import { type Found, ReadRequest } from './read-request.ts'

type Read = (request: ReadableRequest) => Found

const READERS: Readonly<Record<Exclude<Protocol, 'graphql'>, Read>> = {
  mcp: readMcp,
  jsonrpc: readJsonRpc,
  grpc: readGrpc,
}

/** Loaded with the first request of GraphQL. */
let graphql: Promise<Read> | undefined
function loadGraphql(): Promise<Read> {
  graphql ??= import('graphql/language').then(createGraphqlReader)
  return graphql
}

/** Reads what requests ask for, where a rule has `operations`. */
export const createReader = (bodyBytes: number): OperationReader => ({
  requirement: OPERATION,
  bodyBytes: ({ protocol }) => (protocol === 'grpc' ? null : bodyBytes),
  async read(request) {
    const protocol = request.requirement.protocol as Protocol
    const read = protocol === 'graphql' ? await loadGraphql() : READERS[protocol]
    return new ReadRequest(protocol, read(request))
  },
})
