/** Programs that run beside each other ask for ports, and use them later. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import t from 'tap'
import { freePort } from '../../core/testing/index.ts'

const MODULE = new URL('../../core/program/dev/free-port.ts', import.meta.url).href
const PROGRAM = `
  import { freePort } from ${JSON.stringify(MODULE)}
  console.log(await freePort(Number(process.argv[1])))
  process.stdin.resume()
`

/** Another program that asks for a port, and ends with its input. */
async function ask(preferred: number): Promise<{ program: ChildProcess; port: number }> {
  const args = [...process.execArgv, '--input-type=module', '--eval', PROGRAM, '--', String(preferred)]
  const program = spawn(process.execPath, args, { stdio: ['pipe', 'pipe', 'inherit'] })
  const [line] = await once(program.stdout!, 'data', { signal: AbortSignal.timeout(60_000) })
  return { program, port: Number(line) }
}

t.test('nobody is given a port that another program was given and has not opened', async (t) => {
  const mine = await freePort()
  t.not(await freePort(mine), mine, 'not this program')
  const { program, port } = await ask(mine)
  t.teardown(() => program.kill())
  t.not(port, mine, 'not another one')
  t.not(await freePort(port), port, 'nor this one what the other has')
  program.stdin!.end()
  await once(program, 'exit')
  t.equal(await freePort(port), port, 'until it ends')
})
