import { connect, type Socket } from 'node:net'
import { connect as connectTls, type TLSSocket } from 'node:tls'
import type { Admission } from '../api/admission.ts'
import type { App } from '../api/app.ts'
import type { AppState, Link, OpenOptions, Pipe, Tunnel } from '../api/tunnel.ts'
import { openAdmitted } from '../traffic/tunnel/admitted-open.ts'
import { postAsHub } from '../traffic/tunnel/health-request.ts'
import { resetSocket } from '../wire/socket-reset.ts'

/**
 * A tunnel without agents: `open` connects to the app's URI from this process. Pipes behave like real ones, including
 * resets. `failing` names agents whose dials fail; set `connected` to the agents that are connected.
 */
export class MemoryTunnel implements Tunnel {
  readonly failing = new Set<string>()
  readonly dials: string[] = []
  /** Each socket with its agent. */
  readonly sockets = new Map<Socket, string>()
  connected: readonly string[]

  constructor(connected: readonly string[] = ['node-1']) {
    this.connected = connected
  }

  candidates(app: App): readonly Link[] {
    return this.links().filter((link) => app.agents.includes(link.hostname))
  }

  dial(app: App, link: Link, alpn: readonly string[] = ['http/1.1']): Promise<Pipe> {
    this.dials.push(link.hostname)
    if (this.failing.has(link.hostname)) return Promise.reject(dialError('the agent refused'))
    const url = new URL(app.uri)
    const secure = url.protocol === 'https:'
    const port = Number(url.port) || (secure ? 443 : 80)
    const options = { host: url.hostname, port, allowHalfOpen: true }
    const socket = secure
      ? connectTls({
          ...options,
          rejectUnauthorized: app.tls.verify,
          ALPNProtocols: [...alpn],
          ...(app.tls.ca ? { ca: app.tls.ca } : {}),
        })
      : connect({ ...options, noDelay: true })
    return new Promise((resolve, reject) => {
      socket.once('error', (error) => reject(dialError(error.message)))
      socket.once(secure ? 'secureConnect' : 'connect', () => {
        this.sockets.set(socket, link.hostname)
        socket.once('close', () => this.sockets.delete(socket))
        const protocol = (socket as TLSSocket).alpnProtocol
        resolve(Object.assign(socketPipe(socket, link.hostname), { alpn: protocol || null }))
      })
    })
  }

  open(admission: Admission, options?: OpenOptions): Pipe | Promise<Pipe> {
    return openAdmitted(admission, options, {
      candidates: (app) => this.candidates(app),
      dial: (app, link, { alpn }) => this.dial(app, link, alpn),
      mayTarget: () => true,
    })
  }

  async post(app: App, path: string, form: string): Promise<number> {
    const [link] = this.candidates(app)
    if (!link) throw dialError('no agent is connected')
    const status = await postAsHub(await this.dial(app, link), app, path, form)
    if (typeof status === 'number') return status
    throw dialError(status)
  }

  links(): readonly Link[] {
    return this.connected.map((hostname) => ({
      hostname,
      transport: 'memory',
      version: '0',
      since: 0,
      rttMs: 0,
      streams: 0,
    }))
  }

  stateOf(app: App): AppState {
    return { state: this.candidates(app).length > 0 ? 'ready' : 'no_agent', reason: null }
  }

  lastError(): string | null {
    return null
  }

  /** Disconnects the agent immediately and resets every pipe through it. */
  disconnect(hostname: string): void {
    this.connected = this.connected.filter((name) => name !== hostname)
    for (const [socket, agent] of this.sockets) {
      if (agent === hostname)
        socket.destroy(Object.assign(new Error('the link is gone'), { code: 'MEZ_LINK_LOST' }))
    }
  }
}

function socketPipe(socket: Socket, agent: string): Pipe {
  let failure: Error | null = null
  const pipe: Pipe = {
    agent,
    ondata: () => {},
    onend: () => {},
    ondrain: () => {},
    onclose: () => {},
    write: (chunk) => socket.write(chunk),
    end: () => void socket.end(),
    destroy: () => {
      failure ??= new Error('destroyed')
      resetSocket(socket)
    },
    pause: () => void socket.pause(),
    resume: () => void socket.resume(),
  }
  socket.removeAllListeners('error')
  socket.on('error', (error) => {
    failure ??= error
  })
  socket.on('data', (chunk) => pipe.ondata(chunk))
  socket.on('end', () => pipe.onend())
  socket.on('drain', () => pipe.ondrain())
  socket.once('close', () => pipe.onclose(failure))
  return pipe
}

function dialError(message: string): Error {
  return Object.assign(new Error(message), { code: 'MEZ_DIAL_FAILED', reason: 'refused' })
}
