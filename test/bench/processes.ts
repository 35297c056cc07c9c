import { readdirSync, readFileSync } from 'node:fs'

/** Clock ticks a second of /proc on Linux, whatever the kernel's own is. */
const TICKS = 100

/** `/proc/PID/stat` names the parent; null when the process is gone. The name in it may hold spaces and brackets. */
function readParent(pid: number): number | null {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'latin1')
    return Number(text.slice(text.lastIndexOf(')') + 2).split(' ')[1])
  } catch {
    return null
  }
}

/** Processor time of all threads of one process, in microseconds; 0 when it is gone. */
function ownMicroseconds(pid: number): number {
  try {
    const threads = readdirSync(`/proc/${pid}/task`)
    return threads.reduce((sum, thread) => sum + schedMicroseconds(`/proc/${pid}/task/${thread}`), 0)
  } catch {
    return 0
  }
}

/** `schedstat` counts nanoseconds, where `stat` counts the ticks that happened to meet the thread. */
function schedMicroseconds(folder: string): number {
  try {
    return Number(readFileSync(`${folder}/schedstat`, 'latin1').split(' ')[0]) / 1_000
  } catch {
    return 0
  }
}

/** The child processes of every process, now. */
function readChildren(): Map<number, number[]> {
  const children = new Map<number, number[]>()
  for (const name of readdirSync('/proc')) {
    const pid = Number(name)
    const parent = Number.isInteger(pid) ? readParent(pid) : null
    if (parent !== null) children.set(parent, [...(children.get(parent) ?? []), pid])
  }
  return children
}

/** The process and all that hang on it, now. */
export function processTree(root: number, children = readChildren()): number[] {
  const found = [root]
  for (const pid of found) found.push(...(children.get(pid) ?? []))
  return found
}

/** The one process below this one that runs the file and is none of `others`. */
export function childRunning(file: string, others: ReadonlySet<number>): number {
  const found = processTree(process.pid).filter(
    (pid) => !others.has(pid) && commandLine(pid).some((word) => word.endsWith(file)),
  )
  if (found[0] === undefined) throw new Error(`no process of ours runs ${file}`)
  return found[0]
}

function commandLine(pid: number): string[] {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0')
  } catch {
    return []
  }
}

/** Processor time that the process and those below it have used so far, user and system, in microseconds. */
export const cpuMicroseconds = (root: number): number => cpuMicrosecondsOfEach([root])[0] ?? 0

/**
 * The same for several processes. It reads who started whom once for all of them: with a reading for each of dozens of load
 * generators, the first ones had ended before the last was read.
 */
export function cpuMicrosecondsOfEach(roots: readonly number[]): number[] {
  const children = readChildren()
  return roots.map((root) => processTree(root, children).reduce((sum, pid) => sum + ownMicroseconds(pid), 0))
}

/** How a stretch of the machine's time was spent, as shares of the whole (0 to 1). */
export interface MachineUse {
  readonly idle: number
  /** Processes that the bench has not started. */
  readonly strangers: number
}

/** Begins a stretch; the returned function ends it. */
export function watchMachine(): () => MachineUse {
  const now = () => ({ ...machineMicroseconds(), ours: cpuMicroseconds(process.pid) })
  const before = now()
  return () => {
    const after = now()
    const [idle, busy, ours] = [after.idle - before.idle, after.busy - before.busy, after.ours - before.ours]
    return shares(idle, busy, ours)
  }
}

/** `busy` includes `ours`. The two are counted differently, so that ours may seem to be a little more. */
export function shares(idle: number, busy: number, ours: number): MachineUse {
  const whole = Math.max(1, idle + busy)
  return { idle: idle / whole, strangers: Math.max(0, busy - ours) / whole }
}

/** First line of /proc/stat: user, nice, system, idle, iowait, irq, softirq, steal. */
function machineMicroseconds(): { readonly idle: number; readonly busy: number } {
  const [, ...ticks] = readFileSync('/proc/stat', 'latin1').split('\n', 1)[0]!.split(/ +/)
  const [user = 0, nice = 0, system = 0, idle = 0, wait = 0, irq = 0, soft = 0, steal = 0] = ticks.map(Number)
  const inUs = (count: number) => (count * 1e6) / TICKS
  return { idle: inUs(idle + wait), busy: inUs(user + nice + system + irq + soft + steal) }
}

/** Resident memory of the process in KiB. */
export function residentKb(pid: number): number {
  return Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'latin1'))?.[1])
}
