import { type ChildProcess, spawn } from 'node:child_process'
import { connect } from 'node:net'
import { join } from 'node:path'
import { Visitor } from '@mezite/core/testing'
import type { Cluster } from '../cluster.ts'
import type { Person } from '../people.ts'
import { programFile } from '../program-file.ts'
import { createRobot, robot, robotKey } from '../robot.ts'
import { expect, type Step, signIn } from './person-steps.ts'

const MSH = programFile('msh')
const STEP_MS = 60_000

/** The steps of a person with msh: sign in through a browser, and open the TCP application on a local port. */
export function mshSteps(cluster: Cluster, person: Person): Step[] {
  const start = mshIn(cluster, 'check-msh')
  return [
    {
      name: `msh signs ${person.name} in through the browser`,
      run: async () => {
        const proxy = new URL(cluster.hubUrl).host
        const msh = start('login', '--proxy', proxy, '--ca-file', cluster.caFile)
        const address = await lineOf(msh, /Opening (https:\S+)/)
        const visitor = new Visitor(cluster.ca)
        const page = await signIn(visitor, person, address)
        await visitor.submit(page, /\/web\/cli/)
        expect((await ended(msh)) === 0, 'msh login failed')
      },
    },
    {
      name: 'A TCP application responds on a local port',
      run: async () => {
        const msh = start('app', 'login', 'redis')
        try {
          const port = Number(await lineOf(msh, /Tunnel open: 127\.0\.0\.1:(\d+) -> redis/))
          const response = await ask(port, 'PING\r\n')
          expect(
            response === (cluster.redis === 'redis' ? '+PONG\r\n' : 'PING\r\n'),
            `it responded ${response}`,
          )
        } finally {
          msh.kill('SIGINT')
          await ended(msh)
        }
      },
    },
  ]
}

/** The steps of a program that has an account of its own, and a key in place of a browser. */
export function robotSteps(cluster: Cluster): Step[] {
  const start = mshIn(cluster, 'check-robot')
  const { name, opens } = robot
  const read = 'fetch(process.env.MEZITE_APP_URL).then((it) => it.text()).then((it) => console.log(it))'
  return [
    {
      name: `The robot ${name} signs in with its key and reads ${opens}`,
      run: async () => {
        await createRobot(cluster)
        const proxy = ['--proxy', new URL(cluster.hubUrl).host, '--ca-file', cluster.caFile]
        const login = start('login', '--bot', name, '--key', robotKey(cluster), ...proxy)
        await lineOf(login, /(as bot:)/)
        const run = start('app', 'run', opens, '--', process.execPath, '-e', read)
        await lineOf(run, new RegExp(`(bot:${name})`))
      },
    },
    {
      name: `The robot ${name} gets no application of another team`,
      run: async () => {
        const run = start('app', 'run', 'identity', '--', process.execPath, '-e', read)
        expect((await ended(run)) !== 0, 'it could open identity')
      },
    },
  ]
}

/** Starts msh with a folder of its own for what it keeps. */
const mshIn =
  (cluster: Cluster, folder: string) =>
  (...args: readonly string[]): ChildProcess =>
    spawn(process.execPath, [MSH, ...args], {
      stdio: ['ignore', 'pipe', 'pipe'],
      // The check itself acts as the browser, with the address from the terminal.
      env: { ...process.env, MSH_HOME: join(cluster.dataDir, folder), MEZITE_BROWSER: '/bin/true' },
    })

function ended(child: ChildProcess): Promise<number> {
  if (child.exitCode !== null) return Promise.resolve(child.exitCode)
  return new Promise((resolve) => child.once('exit', (code) => resolve(code ?? -1)))
}

/** The first group of the first match in the output of the program. */
function lineOf(child: ChildProcess, pattern: RegExp): Promise<string> {
  return new Promise((resolve, reject) => {
    let text = ''
    const deadline = setTimeout(() => reject(new Error(`msh printed only: ${text}`)), STEP_MS)
    const read = (chunk: Buffer): void => {
      text += chunk
      const found = pattern.exec(text)?.[1]
      if (found === undefined) return
      clearTimeout(deadline)
      resolve(found)
    }
    child.stdout?.on('data', read)
    child.stderr?.on('data', read)
    child.once('exit', (code) => {
      clearTimeout(deadline)
      reject(new Error(`msh ended with ${code}: ${text}`))
    })
  })
}

/** Sends one command and resolves to the first bytes of the response. */
function ask(port: number, command: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1', () => socket.write(command))
    socket.setTimeout(STEP_MS, () => socket.destroy(new Error('no response in time')))
    socket.once('error', reject)
    socket.once('data', (chunk) => {
      resolve(String(chunk))
      socket.destroy()
    })
    socket.once('close', () => reject(new Error('closed without a response')))
  })
}
