import { Worker } from 'node:worker_threads'

/** Threads are .ts when run from the sources and .js when run from dist. */
const EXTENSION = import.meta.url.endsWith('.ts') ? '.ts' : '.js'
const CONDITIONS =
  EXTENSION === '.ts' ? ['--conditions=mezite-source', '--disable-warning=ExperimentalWarning'] : []
const STOP_MS = 5_000

/** Starts a thread of this plugin, from a file beside this one. */
export const startThread = (name: string, file: string, workerData: unknown): Worker =>
  new Worker(new URL(`./${file}${EXTENSION}`, import.meta.url), {
    name,
    workerData,
    execArgv: CONDITIONS,
    resourceLimits: { maxYoungGenerationSizeMb: 8 },
  })

/** Lets a thread close its connection when it has received `end`; resolves when it has ended. */
export async function endThread(worker: Worker, end: unknown): Promise<void> {
  const ended = new Promise((resolve) => worker.once('exit', resolve))
  worker.postMessage(end)
  let timer: NodeJS.Timeout | undefined
  const late = new Promise((resolve) => {
    timer = setTimeout(resolve, STOP_MS)
  })
  await Promise.race([ended, late])
  clearTimeout(timer)
  await worker.terminate()
}
