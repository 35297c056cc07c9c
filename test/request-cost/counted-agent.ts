/** An agent whose work is counted. Its arguments are those of a `StartedHub`: URL and data directory. */
import { join } from 'node:path'
import './exact-counts.ts'
import { adminClient, createTestAgent } from '../../core/testing/index.ts'

const [url = '', dataDir = ''] = process.argv.slice(2)
const agent = await createTestAgent({ url, api: adminClient(join(dataDir, 'admin.sock')) })
process.on('SIGTERM', () => void agent.stop().then(() => process.exit(0)))
process.on('disconnect', () => process.exit(0))
process.send?.({ hostname: agent.hostname })
