import { Duplex } from 'node:stream'
import type { HookTree } from '../kernel/hook.ts'
import { first, tells } from '../kernel/hook.ts'
import { lifecycleHooks } from './lifecycle-hooks.ts'

/** What the agent connects to for one stream of the tunnel. */
export interface DialTarget {
  readonly app: string
  /** `http:`, `https:` or `tcp:` URI exactly as registered. */
  readonly uri: string
  readonly tls: {
    readonly verify: boolean
    readonly serverName: string | null
    readonly ca: string | null
    /** Protocols to offer with ALPN, best first; left out: `http/1.1`. */
    readonly alpn?: readonly string[]
  }
  /** Deadline of the connection, in milliseconds. */
  readonly connectMs: number
}

/** Why the answer of a tap of `dial.open` cannot carry bytes; null: it can. */
function byteStreamFault(answer: unknown): string | null {
  if (!(answer instanceof Duplex)) return 'it must return a Duplex stream'
  const { readableObjectMode, writableObjectMode } = answer
  return readableObjectMode || writableObjectMode ? 'it returned a stream in object mode' : null
}

/** A link to a hub came up or went down. */
export interface LinkChanged {
  /** Id of the hub's instance. */
  readonly instance: string
  readonly connected: boolean
  readonly reason: string | null
}

/** All hooks of the agent. */
export const agentHooks = {
  lifecycle: lifecycleHooks,
  dial: {
    /**
     * Connects to other kinds of target. `null`: not mine; then the agent dials TCP within its allow-list. The stream
     * carries bytes and may be paused; make sockets with `allowHalfOpen`. Throw `DialRefusal` to say why not.
     */
    open: first<DialTarget, Duplex>({ deadlineMs: 60_000, check: byteStreamFault }),
  },
  link: {
    /** A link to a hub came up or went down. */
    changed: tells<LinkChanged>(),
  },
} as const satisfies HookTree

/** The type of `agentHooks`. */
export type AgentHooks = typeof agentHooks
