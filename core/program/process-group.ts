import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { formatAddress } from '../api/address.ts'
import { releaseStartupMemory } from '../base/loader/startup-memory.ts'
import { createLog } from '../base/log/program-log.ts'
import { reportServiceState } from '../base/log/service-state.ts'
import type { HubConfig } from '../hub/config/hub-config.ts'
import { MezError, messageOf } from '../kernel/error.ts'
import type { Log } from '../kernel/log.ts'
import { isValidConfig, type Member, startMember } from '../traffic/processes/member.ts'
import type { ToParent } from '../traffic/processes/messages.ts'
import { bindPath, bindPort, type Handle, type Port } from '../traffic/processes/node-handles.ts'
import { claimSocket } from '../web/server/admin-socket.ts'

/** The longest time between two starts of a process that keeps ending. */
const MOST_BACKOFF_MS = 30_000
/** A process that ran longer than this is started again at once. */
const STEADY_MS = 60_000
/** How long a new process waits for the agents of the others before it serves without some of them. */
const LINKS_MS = 5_000
const ANSWERS_MS = 1_500
/** Beyond the grace period, as in the hub itself. */
const STOP_MS = 15_000

/** The listening sockets of the group, which stay open while processes come and go. */
interface Sockets {
  readonly public: Port
  readonly shared: ReadonlyMap<string, Handle>
}

/**
 * Runs `proxy.processes` hubs on one public port until a signal has drained them. The parent binds all sockets and never
 * accepts from them: when a process ends, another one takes over its socket with the connections that wait there. Throws
 * `MEZ_START_FAILED` if the first process does not start.
 */
export async function runProcesses(config: HubConfig): Promise<void> {
  const log = createLog(config.log)
  const die = (error: unknown): void => {
    log.error({ error: messageOf(error) }, 'the parent process failed; its processes end with it')
    process.exit(1)
  }
  process.on('uncaughtException', die)
  process.on('unhandledRejection', die)
  const sockets = await bindSockets(config)
  await new ProcessGroup(config, sockets, log).run()
}

async function bindSockets({ proxy, diagnostics, data_dir }: HubConfig): Promise<Sockets> {
  const one = async (address: HubConfig['proxy']['listen_addr'], key: string, anyHost?: string) =>
    [key, (await bindPort(formatAddress(address), key, 1, anyHost)).handles[0]!] as const
  const path = join(data_dir, 'admin.sock')
  return {
    public: await bindPort(formatAddress(proxy.listen_addr), 'proxy.listen_addr', proxy.processes),
    shared: new Map([
      await one(diagnostics.listen_addr, 'diagnostics.listen_addr', '127.0.0.1'),
      ...(proxy.redirect_addr ? [await one(proxy.redirect_addr, 'proxy.redirect_addr')] : []),
      ['admin.sock', await claimSocket(path, () => bindPath(path))] as const,
    ]),
  }
}

class ProcessGroup {
  readonly #config: HubConfig
  readonly #sockets: Sockets
  readonly #log: Log
  /** Those that run, by number. */
  readonly #members = new Map<number, Member>()
  /** Those that were replaced and still drain. */
  readonly #leaving = new Set<Member>()
  /** The member that accepts from each socket of the public port. */
  readonly #owners: (Member | undefined)[]
  readonly #questions = new Map<number, (answer: unknown) => void>()
  #asked = 0
  #stopping = false
  /** Processes that ended one after the other, each soon after its start. */
  #failures = 0
  #replacing: Promise<void> = Promise.resolve()

  constructor(config: HubConfig, sockets: Sockets, log: Log) {
    this.#config = config
    this.#sockets = sockets
    this.#log = log
    this.#owners = sockets.public.handles.map(() => undefined)
  }

  async run(): Promise<void> {
    const stop = Promise.withResolvers<NodeJS.Signals>()
    let signals = 0
    for (const signal of ['SIGTERM', 'SIGINT'] as const) {
      process.on(signal, () => {
        signals += 1
        if (signals > 1) {
          this.#log.warn({ signal }, 'second signal, ending at once')
          this.#kill()
          process.exit(1)
        }
        stop.resolve(signal)
      })
    }
    process.on('SIGHUP', () => {
      for (const { child } of this.#all()) child.kill('SIGHUP')
    })
    process.on('SIGUSR2', () => {
      this.#replacing = this.#replacing.then(() => this.#replaceAll())
    })

    // The first one migrates the database and makes the keys; the others find them.
    const first = this.#start(0)
    const ready = await Promise.race([first.ready, stop.promise.then(() => true)])
    if (!ready) throw new MezError('MEZ_START_FAILED', `the first process ended: ${await first.ended}`)
    releaseStartupMemory()
    if (signals === 0) {
      for (let index = 1; index < this.#config.proxy.processes; index++) this.#start(index)
      void reportServiceState('READY=1', this.#log)
    }
    const signal = await stop.promise
    this.#log.info({ signal }, 'draining all processes')
    void reportServiceState('STOPPING=1', this.#log)
    await this.#stopAll()
    this.#log.info('all processes have stopped')
  }

  #all(): readonly Member[] {
    return [...this.#members.values(), ...this.#leaving]
  }

  #start(index: number): Member {
    const member = startMember(index, {
      received: (message, handle) => this.#receive(member, message, handle),
      failed: (error) => this.#log.error({ process: index + 1, error: error.message }, 'process error'),
      ended: (how) => this.#ended(member, how),
    })
    this.#members.set(index, member)
    for (const [key, handle] of this.#sockets.shared) member.send({ kind: 'socket', key }, handle)
    member.send({ kind: 'start', port: this.#sockets.public.port })
    return member
  }

  #receive(member: Member, message: ToParent, handle: Handle | undefined): void {
    switch (message.kind) {
      case 'ready':
        member.id = message.id
        this.#introduce()
        void this.#serveOnceLinked(member)
        break
      case 'links':
        member.links = message.count
        break
      case 'accepting':
        for (const other of this.#all())
          if (other !== this.#owners[message.slot]) other.send({ kind: 'release', slot: message.slot })
        break
      case 'connection': {
        const to = [...this.#members.values()].find(({ id }) => id === message.to)
        const close = () => handle?.close()
        if (to) to.send({ kind: 'connection', head: message.head }, handle, close)
        else close()
        break
      }
      case 'question':
        void this.#ask(member, message)
        break
      case 'answer':
        this.#questions.get(message.call)?.(message.answer)
    }
  }

  /** Tells each process the others that agents can link to. */
  #introduce(): void {
    const ids = [...this.#members.values()].flatMap(({ id }) => id ?? [])
    for (const member of this.#members.values())
      member.send({ kind: 'siblings', ids: ids.filter((id) => id !== member.id) })
  }

  /** A process gets connections when the agents of the others have linked to it, so that it reaches every app. */
  async #serveOnceLinked(member: Member): Promise<void> {
    const until = performance.now() + LINKS_MS
    const others = () => [...this.#members.values()].filter(({ serving }) => serving)
    const most = () => Math.max(0, ...others().map(({ links }) => links))
    while (member.links < most() && performance.now() < until) await pause(20)
    if (member.stopping || this.#members.get(member.index) !== member) return
    member.serving = true
    this.#assign()
  }

  /** Gives each socket of the public port to its own process if that serves, else to another one. */
  #assign(): void {
    if (this.#stopping) return
    const serving = [...this.#members.values()].filter((member) => member.serving)
    this.#sockets.public.handles.forEach((handle, slot) => {
      const owner = serving.find(({ index }) => index === slot) ?? serving[0]
      if (!owner || owner === this.#owners[slot]) return
      this.#owners[slot] = owner
      // The previous owner releases it once this one accepts.
      owner.send({ kind: 'accept', slot }, handle)
    })
  }

  async #ask(from: Member, { call, topic, query }: Extract<ToParent, { kind: 'question' }>): Promise<void> {
    const others = [...this.#members.values()].filter((member) => member !== from && member.id !== null)
    const answers = await Promise.all(
      others.map((member) => {
        const number = ++this.#asked
        const { promise, resolve } = Promise.withResolvers<unknown>()
        this.#questions.set(number, resolve)
        const deadline = setTimeout(resolve, ANSWERS_MS, null)
        member.send({ kind: 'question', call: number, topic, query })
        return promise.finally(() => {
          clearTimeout(deadline)
          this.#questions.delete(number)
        })
      }),
    )
    from.send({ kind: 'answers', call, answers: answers.filter((answer) => answer !== null) })
  }

  #ended(member: Member, how: string): void {
    this.#leaving.delete(member)
    if (this.#members.get(member.index) !== member) return
    this.#members.delete(member.index)
    if (this.#stopping) return
    member.serving = false
    this.#assign()
    this.#introduce()
    void this.#restart(member, how)
  }

  async #restart({ index, child, startedAt, id }: Member, how: string): Promise<void> {
    // Only the start of the first process decides whether the program starts.
    if (id === null && this.#members.size === 0 && this.#failures === 0) return
    this.#failures = performance.now() - startedAt > STEADY_MS ? 0 : this.#failures + 1
    const waitMs = this.#failures <= 1 ? 0 : Math.min(MOST_BACKOFF_MS, 500 * 2 ** (this.#failures - 1))
    const fields = { process: index + 1, pid: child.pid, waitMs }
    this.#log.error(fields, `process ${index + 1} ended unexpectedly (${how}); starting it again`)
    await pause(waitMs)
    if (!this.#stopping && !this.#members.has(index)) this.#start(index)
  }

  /** Replaces one process after the other, so that the configuration is read again. Keeps those that run if it fails. */
  async #replaceAll(): Promise<void> {
    if (this.#stopping) return
    if (!(await isValidConfig(this.#config.file))) {
      this.#log.error('the configuration is not valid; the processes continue with the old one')
      return
    }
    this.#log.info('replacing all processes, one after the other')
    for (const member of [...this.#members.values()]) {
      if (this.#stopping || this.#members.get(member.index) !== member) continue
      await this.#replace(member)
    }
  }

  async #replace(member: Member): Promise<void> {
    member.serving = false
    member.stopping = true
    this.#assign()
    while (this.#owners.includes(member) && !this.#stopping) await pause(20)
    this.#leaving.add(member)
    this.#members.delete(member.index)
    member.send({ kind: 'stop', alone: true })
    // One that hangs would never give up its place.
    const deadline = setTimeout(() => member.child.kill('SIGKILL'), this.#longestStopMs())
    void member.ended.then(() => clearTimeout(deadline))
    await member.closed
    if (this.#stopping) return
    const next = this.#start(member.index)
    this.#log.info({ process: member.index + 1, pid: next.child.pid }, 'process replaced; the old one drains')
    // A process that does not start is started again like one that ends.
    if (await next.ready) while (!next.serving && !this.#stopping && next.child.connected) await pause(20)
    await member.ended
  }

  async #stopAll(): Promise<void> {
    this.#stopping = true
    const all = this.#all()
    for (const member of all) member.send({ kind: 'stop', alone: false })
    void Promise.all(all.map(({ closed }) => closed)).then(() => {
      // Until then, connections wait in the sockets; now clients must learn that nobody accepts them.
      for (const handle of [...this.#sockets.public.handles, ...this.#sockets.shared.values()]) handle.close()
    })
    const deadline = AbortSignal.timeout(this.#longestStopMs())
    deadline.addEventListener('abort', () => this.#kill())
    const ends = await Promise.all(all.map(({ ended }) => ended))
    if (ends.some((how) => how !== 'status 0')) process.exitCode = 1
  }

  #longestStopMs(): number {
    const { shutdown_grace, proxy } = this.#config
    return shutdown_grace + proxy.shutdown_delay + STOP_MS
  }

  #kill(): void {
    for (const { child } of this.#all()) child.kill('SIGKILL')
  }
}
