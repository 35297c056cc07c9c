import { generateKeyPairSync } from 'node:crypto'
import { existsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Cluster } from './cluster.ts'

/** The program that has an account of its own, and the application that it may open. */
export const robot = { name: 'reporter', roles: ['support'], opens: 'live' } as const

/** The file of the private key by which the robot proves itself. */
export const robotKey = (cluster: Pick<Cluster, 'dataDir'>): string =>
  join(cluster.dataDir, '..', 'robot.key')

/** Creates the account of the robot with a new key, unless an earlier start has. */
export async function createRobot(cluster: Cluster): Promise<void> {
  const bots = JSON.parse(await cluster.mezctl('bots', 'ls', '--format', 'json')) as {
    metadata: { name: string }
  }[]
  const isThere = bots.some(({ metadata }) => metadata.name === robot.name)
  const file = robotKey(cluster)
  if (isThere && existsSync(file)) return
  const { privateKey, publicKey } = generateKeyPairSync('ed25519')
  const publicFile = `${file}.pub`
  writeFileSync(file, privateKey.export({ type: 'pkcs8', format: 'pem' }), { mode: 0o600 })
  writeFileSync(publicFile, publicKey.export({ type: 'spki', format: 'pem' }), { mode: 0o600 })
  const key = ['--roles', robot.roles.join(), '--key', publicFile]
  await cluster.mezctl('bots', isThere ? 'update' : 'create', robot.name, ...key)
}
