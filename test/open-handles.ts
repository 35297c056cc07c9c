import { setTimeout as pause } from 'node:timers/promises'
import t from 'tap'

/** What keeps a process alive, and belongs to nobody once the test that opened it has ended. */
const OWNED = /^(TCPServerWrap|PipeServerWrap|ProcessWrap|FSEventWrap|UDPWrap)$/
/** How long what was closed may take to go, in milliseconds. */
const CLOSING_MS = 2_000
/** How long a process may live when all of its tests have ended, in milliseconds: files await nothing as long between two tests. */
const IDLE_MS = Number(process.env.MEZITE_TEST_IDLE_MS ?? 30_000)

const open = () => process.getActiveResourcesInfo().filter((kind) => OWNED.test(kind))
let before = open()

/** Servers, programs and watchers that are still open, but were not at the last call. */
export async function openHandles(): Promise<readonly string[]> {
  const deadline = performance.now() + CLOSING_MS
  while (open().length > before.length && performance.now() < deadline) await pause(20)
  const left = open()
  const more = [...left]
  for (const kind of before) if (more.includes(kind)) more.splice(more.indexOf(kind), 1)
  before = left
  return more
}

/** For a module that opens what several files share, and closes it at the end of the process: it is left open by none of them. */
export function shareOpenHandles(): void {
  before = open()
}

/** How often it is looked whether tests run, in milliseconds. */
const LOOK_MS = 1_000

// Tap ends when the process has nothing left to do, so a port that is still open would keep it waiting. Looks are counted, not time: a
// test may keep the event loop to itself for longer.
let idleMs = 0
const looking = setInterval(() => {
  const { occupied, queue, count } = t
  idleMs = occupied || queue.length > 0 || count === 0 ? 0 : idleMs + LOOK_MS
  if (idleMs < IDLE_MS) return
  clearInterval(looking)
  t.fail(`all tests have ended, but this is still open: ${process.getActiveResourcesInfo().join(', ')}`)
  t.end()
  setTimeout(() => process.exit(1), CLOSING_MS)
}, LOOK_MS)
looking.unref()
