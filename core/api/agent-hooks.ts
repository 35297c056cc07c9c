import { Duplex } from 'node:stream'
import { first, type HookTree, tells } from '../kernel/hook.ts'
import { lifecycleHooks } from './lifecycle-hooks.ts'

/** The target that the agent connects to for one stream of the tunnel. */
export interface DialTarget {
  readonly app: string
  /** URI exactly as registered: `http:`, `https:`, `tcp:`, or of a scheme of `appKinds`, with its port. */
  readonly uri: string
  readonly tls: {
    readonly verify: boolean
    readonly serverName: string | null
    readonly ca: string | null
    /** Protocols to offer with ALPN, best first. Default: `http/1.1`. */
    readonly alpn?: readonly string[]
  }
  /** Timeout for connecting, in milliseconds. */
  readonly connectMs: number
}

/** Why the result of a `dial.open` tap cannot carry bytes, or null if it can. */
function byteStreamFault(answer: unknown): string | null {
  if (!(answer instanceof Duplex)) return 'it must return a Duplex stream'
  const { readableObjectMode, writableObjectMode } = answer
  return readableObjectMode || writableObjectMode ? 'it returned a stream in object mode' : null
}

/** A link to a hub came up or went down. */
export interface LinkChanged {
  /** Instance id of the hub. */
  readonly instance: string
  readonly connected: boolean
  readonly reason: string | null
}

/** All hooks of the agent. */
export const agentHooks = {
  lifecycle: lifecycleHooks,
  dial: {
    /**
     * Connects to other kinds of target. Return `null` for a target of another kind: the agent then dials TCP within its
     * allow-list. The stream carries bytes and may be paused; create sockets with `allowHalfOpen`. Throw `DialRefusal` to
     * report why the target cannot be reached.
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
