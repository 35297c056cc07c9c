import { type IncomingMessage, request } from 'node:http'
import { Duplex } from 'node:stream'
import {
  ResponseError,
  type ResponseHead,
  ResponseParser,
} from '../../../plugins/http-apps/upstream/response-parser.ts'

/** The bytes of an answer as they come from an app that closes cleanly after them. */
export interface AnswerBytes {
  readonly method: 'GET' | 'HEAD'
  /** Latin-1. */
  readonly chunks: readonly string[]
}

/** What a client made of an answer. */
export interface Reading {
  /** Why it is no whole answer; null when it is one. */
  readonly fault: string | null
  readonly interim: readonly number[]
  readonly status: number
  readonly reason: string
  readonly lines: readonly string[]
  readonly body: string
  readonly trailers: readonly string[]
}

/** Our own client. */
export function readOurs({ method, chunks }: AnswerBytes): Reading & { readonly reusable: boolean } {
  const interim: number[] = []
  let head: ResponseHead | undefined
  let body = ''
  let trailers: readonly string[] = []
  let whole = false
  const parser = new ResponseParser({
    oninformational: (status) => void interim.push(status),
    onhead: (seen) => {
      head = seen
    },
    onbody: (chunk) => {
      body += chunk.toString('latin1')
    },
    onend: (seen) => {
      whole = true
      trailers = seen
    },
  })
  parser.begin({ head: method === 'HEAD', upgrade: false })
  let fault: string | null = null
  try {
    for (const chunk of chunks) parser.execute(Buffer.from(chunk, 'latin1'))
    parser.finish()
  } catch (error) {
    if (!(error instanceof ResponseError)) throw error
    fault = error.message
  }
  if (whole) fault = null
  const { status = 0, reason = '', lines = [] } = head ?? {}
  return { fault, interim, status, reason, lines, body, trailers, reusable: parser.reusable }
}

/** The client of Node.js, on a connection in memory. */
export function readNodes({ method, chunks }: AnswerBytes): Promise<Reading> {
  return new Promise((resolve) => {
    const socket = new Duplex({ read() {}, write: (_chunk, _encoding, done) => done() })
    const interim: number[] = []
    let message: IncomingMessage | undefined
    let fault: string | null = null
    let body = ''
    const asked = request({
      method,
      createConnection: () => socket,
      maxHeaderSize: 64 * 1024,
      insecureHTTPParser: false,
    })
    asked.on('error', (error: NodeJS.ErrnoException) => {
      if (message?.complete !== true) fault ??= error.code ?? error.message
    })
    asked.on('information', ({ statusCode }) => interim.push(statusCode))
    asked.on('upgrade', () => {
      fault ??= 'upgrade'
      socket.destroy()
    })
    asked.on('response', (got) => {
      message = got
      got.setEncoding('latin1')
      got.on('data', (text: string) => {
        body += text
      })
      got.on('error', () => {})
    })
    asked.on('close', () => {
      if (message === undefined || !message.complete) fault ??= 'incomplete'
      const { statusCode = 0, statusMessage = '', rawHeaders = [], rawTrailers = [] } = message ?? {}
      resolve({
        fault,
        interim,
        status: statusCode,
        reason: statusMessage,
        lines: rawHeaders,
        body,
        trailers: rawTrailers,
      })
    })
    asked.end()
    asked.once('socket', () =>
      setImmediate(() => {
        for (const chunk of chunks) if (!socket.destroyed) socket.push(Buffer.from(chunk, 'latin1'))
        if (!socket.destroyed) socket.push(null)
      }),
    )
  })
}
