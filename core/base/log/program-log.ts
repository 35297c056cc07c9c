import { write, writeSync } from 'node:fs'
import pino from 'pino'
import type { Log } from '../../kernel/log.ts'

export type LogLevel = 'debug' | 'info' | 'warn' | 'error'
export type LogFormat = 'json' | 'text'

export interface LogOptions {
  readonly level?: LogLevel
  /** `json`: one object a line. `text`: for a person at a terminal. */
  readonly format?: LogFormat
  /** Receives whole lines. Default: stderr, because stdout belongs to the output of commands and to sinks. */
  readonly write?: (line: string) => void
}

/** Fields that are redacted in every line, as a second safeguard: the code should never log secrets. */
const SECRETS = [
  'token',
  'password',
  'secret',
  'authorization',
  'cookie',
  'private_key',
  'privateKey',
  'set-cookie',
]
const paths = SECRETS.flatMap((key) => [`["${key}"]`, `*["${key}"]`, `*.headers["${key}"]`])

/**
 * Characters that JSON does not escape although they control terminals or are invisible: C1 controls, direction marks,
 * invisible characters.
 */
const HAZARDS = /[\u007f-\u009f\u00ad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb]/g

/** They occur only inside strings, so escaping them preserves the meaning of a line. */
const escapeLine = (line: string): string =>
  line.replace(HAZARDS, (one) => `\\u${one.charCodeAt(0).toString(16).padStart(4, '0')}`)

/** The log of a program. Lines that are still buffered are flushed when the process exits. */
export function createLog({ level = 'info', format = 'json', write }: LogOptions = {}): Log {
  const sink = write ? { write } : stderrLines((lost) => log.error({ lost }, 'log lines were lost'))
  const error = pino.stdSerializers.err
  const log: Log = pino(
    {
      level,
      base: null,
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
      serializers: { error, err: error, cause: error },
      redact: { paths, censor: '[redacted]' },
    },
    {
      write: (line: string) => void sink.write(escapeLine(format === 'json' ? line : `${textLine(line)}\n`)),
    },
  )
  return log
}

/**
 * `2026-11-25T01:00:00.000Z WARN  [rbac] message key=value`; control characters stay escaped, so an entry is always one
 * line.
 */
function textLine(json: string): string {
  const { time, level, plugin, msg = '', ...fields } = JSON.parse(json) as Record<string, unknown>
  const rest = Object.entries(fields).map(([key, value]) => ` ${key}=${printValue(value)}`)
  const message = JSON.stringify(msg).slice(1, -1).replaceAll('\\"', '"')
  return `${time} ${String(level).toUpperCase().padEnd(5)}${plugin ? ` [${plugin}]` : ''} ${message}${rest.join('')}`
}

function printValue(value: unknown): string {
  const { message, stack } = (value ?? {}) as { message?: string; stack?: string }
  if (message !== undefined && stack !== undefined) return JSON.stringify(message)
  return typeof value === 'string' && /^[\w.:/@-]+$/.test(value) ? value : JSON.stringify(value)
}

const STDERR = 2
const MOST_BYTES = 4 * 1024 * 1024
const AGAIN_MS = 20

/**
 * Writes lines to standard error without blocking the program. Lines are lost if the disk is full, or if the reader is
 * gone or more than 4 MiB behind; `again` receives their number once writing works again. Lines still queued at exit
 * are written then; the last ones may appear twice.
 */
function stderrLines(again: (lost: number) => void): { write(line: string): void } {
  let waiting: string[] = []
  let bytes = 0
  let lost = 0
  /** The bytes being written, or null. */
  let chunk: Buffer | null = null
  let lines = 0

  function next(): void {
    if (chunk !== null || waiting.length === 0) return
    chunk = Buffer.from(waiting.join(''))
    lines = waiting.length
    waiting = []
    bytes = 0
    put(chunk)
  }

  function put(rest: Buffer): void {
    write(STDERR, rest, (error, written) => {
      if (error?.code === 'EAGAIN') return void setTimeout(put, AGAIN_MS, rest)
      if (error === null && written < rest.length) return put(rest.subarray(written))
      chunk = null
      if (error !== null) {
        lost += lines
        // The next line retries; retrying at once would be a busy loop.
        return
      }
      if (lost > 0) {
        const count = lost
        lost = 0
        again(count)
      }
      next()
    })
  }

  process.on('exit', () => {
    try {
      writeSync(STDERR, Buffer.concat([chunk ?? Buffer.alloc(0), Buffer.from(waiting.join(''))]))
    } catch {
      // There is no way left to report this.
    }
  })

  return {
    write(line) {
      if (bytes + line.length > MOST_BYTES) {
        lost += 1
        return
      }
      waiting.push(line)
      bytes += line.length
      next()
    },
  }
}
