/** A program: a hub of `startApprovalHub` that a test can kill. Its argument is JSON; its only line says where it listens. */
import { startApprovalHub } from './start-approval-hub.ts'

const { plugin, config } = JSON.parse(process.argv[2] ?? '{}') as {
  plugin: object
  config: Record<string, unknown>
}
const { hub } = await startApprovalHub(plugin, { config })
process.stdout.write(`${JSON.stringify({ url: hub.url, ca: hub.ca })}\n`)
// A test that is gone keeps no hub.
process.stdin.on('end', () => process.exit(0)).resume()
