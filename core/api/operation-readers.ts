import { slotRef } from '../kernel/reference.ts'
import type { App } from './app.ts'
import type { BodyTransform, HeaderLines } from './http-hooks.ts'
import type { Requirement } from './requirement.ts'
import type { Subject } from './subject.ts'

/**
 * Meets a requirement with `perRequest` by reading what a request asks the app to do. The hub calls the entry when nothing else is missing, asks
 * the gate again with the result as `AccessRequest.operations`, and forwards exactly the bytes that were read. Other bodies are never read.
 */
export interface OperationReader {
  /** The name of the requirement. */
  readonly requirement: string
  /** Bytes of the body that it reads; null: the head of the request is enough, and the body streams. */
  bodyBytes(requirement: Requirement): number | null
  /** Reads a request. One that it cannot read has a `fault`. If it throws or rejects, the request fails. */
  read(request: ReadableRequest): ReadOperations | Promise<ReadOperations>
}

/** A request whose operations are wanted. Texts are those of its sender. */
export interface ReadableRequest {
  readonly requirement: Requirement
  readonly app: App
  readonly subject: Subject
  readonly method: string
  /** Path and query, as received. */
  readonly target: string
  readonly headers: HeaderLines
  /** Null: not read, either because no body is wanted, or because it is too long, too slow or has trailers (`unread`). */
  readonly body: Buffer | null
  readonly unread: boolean
}

/** What a request asks an app to do. */
export interface RequestOperations {
  /** How it was read. */
  readonly protocol: string
  /** Each of the operations, such as `tools/call:search_docs`; all of them must be allowed. Empty with a fault. */
  readonly names: readonly string[]
  /** Why it cannot be read, in a sentence; null: it was read. */
  readonly fault: string | null
  /** Fields of the records about the request. */
  readonly record: Readonly<Record<string, string>>
}

/** The operations of a request, and how its protocol responds. */
export interface ReadOperations extends RequestOperations {
  /** A refusal as clients of the protocol understand it; null: the hub's own. */
  refuse(problem: RefusedOperation): OperationRefusal | null
  /** Changes the body of the app's response, which is not compressed then; null: it passes. */
  readonly response: ((head: OperationResponse) => (() => BodyTransform) | null) | null
}

/** Why a request was refused. */
export interface RefusedOperation {
  readonly status: number
  /** The reason code. */
  readonly code: string
  readonly message: string
  readonly requestId: string
  /** More of the problem, such as `challenge_url`. */
  readonly members: Readonly<Record<string, unknown>>
}

/** The response to a refused request. */
export interface OperationRefusal {
  /** 200, or from 400 on. */
  readonly status: number
  readonly contentType: string
  readonly body: string
}

/** The head of an app's response. */
export interface OperationResponse {
  readonly status: number
  readonly headers: HeaderLines
}

/** What reads the operations of requests. */
export const operationReaders = slotRef<OperationReader>('operationReaders')
