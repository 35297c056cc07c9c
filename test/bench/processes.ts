import { readdirSync, readFileSync } from 'node:fs'

/** Clock ticks a second of /proc on Linux, whatever the kernel's own is. */
const TICKS = 100

interface Stat {
  readonly parent: number
  readonly cpuTicks: number
}

/** `/proc/PID/stat`; null when the process is gone. The name in it may hold spaces and brackets. */
function readStat(pid: number): Stat | null {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'latin1')
    const fields = text.slice(text.lastIndexOf(')') + 2).split(' ')
    return { parent: Number(fields[1]), cpuTicks: Number(fields[11]) + Number(fields[12]) }
  } catch {
    return null
  }
}

/** The process and all that hang on it, now. */
export function processTree(root: number): number[] {
  const children = new Map<number, number[]>()
  for (const name of readdirSync('/proc')) {
    const pid = Number(name)
    const stat = Number.isInteger(pid) ? readStat(pid) : null
    if (stat) children.set(stat.parent, [...(children.get(stat.parent) ?? []), pid])
  }
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
export function cpuMicroseconds(root: number): number {
  const ticks = processTree(root).reduce((sum, pid) => sum + (readStat(pid)?.cpuTicks ?? 0), 0)
  return (ticks * 1e6) / TICKS
}

/** Resident memory of the process in KiB. */
export function residentKb(pid: number): number {
  return Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'latin1'))?.[1])
}
