// together: rooms
import t from 'tap'
import { createLog } from '../../../core/base/log/program-log.ts'
import { startTunnelHub } from './start-tunnel-hub.ts'

t.test('the log has the address of an agent under the usual name', async (t) => {
  const lines: Record<string, unknown>[] = []
  const log = createLog({ level: 'debug', write: (line) => void lines.push(JSON.parse(line)) })
  const hub = await startTunnelHub({ log })
  t.teardown(() => hub.close())
  const has = (msg: string): Promise<void> =>
    hub.until(() => lines.some((line) => line.msg === msg), `'${msg}' is logged`)
  const dataDir = t.testdir({})
  await hub.agent({ token: await hub.token(), dataDir }).start()
  await hub.agent({ dataDir }).start()
  await t.rejects(hub.agent({ token: 'guessed' }).start(), { code: 'MEZ_TOKEN_REFUSED' })
  hub.locked.add('node-1')
  await hub.revisions.write(async (_trx, change) => change.touch('lock', 'x'))
  for (const msg of [
    'agent joined',
    'a second connection replaced the agent',
    'an agent could not join',
    'agent rejected',
  ]) {
    await has(msg)
    t.match(
      lines.find((line) => line.msg === msg),
      { client_ip: '127.0.0.1' },
      msg,
    )
  }
  t.notOk(lines.some((line) => 'clientIp' in line))
})
