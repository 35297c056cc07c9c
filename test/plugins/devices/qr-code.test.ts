// together: plugin-hubs
// needs: zbar
/** The code for the camera on the page that shows a new device, read by a program that reads codes. */
import { execFile } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import t from 'tap'
import { basic, startDeviceHub } from './device-hub.ts'

/** Pixels of a module of the code, as on a screen. */
const SCALE = 4
const folder = await mkdtemp(join(tmpdir(), 'mezite-code-'))
t.teardown(() => rm(folder, { recursive: true, force: true }))
const { hub, keys, add, ask } = await startDeviceHub(t)
const ann = await keys.person('ann@example.com', ['staff'])

/** The drawing as a PBM (https://netpbm.sourceforge.net/doc/pbm.html), where 1 is black. */
function pbmOf(page: string): string {
  const [, width, height] = /<svg viewBox="0 0 (\d+) (\d+)"/.exec(page) ?? []
  const size = Number(width)
  if (width === undefined || width !== height) throw new Error('no square drawing')
  const [, path = ''] = /<path d="([^"]*)" fill="black"/.exec(page) ?? []
  const squares = path.split('z').slice(0, -1)
  const dark = new Set(squares.map((square) => /^M(\d+) (\d+)h1v1h-1$/.exec(square)!.slice(1).join()))
  const pixels = Array.from({ length: size * SCALE }, (_, at) => Math.floor(at / SCALE))
  const lines = pixels.map((y) => pixels.map((x) => (dark.has(`${x},${y}`) ? '1' : '0')).join(' '))
  return `P1\n${size * SCALE} ${size * SCALE}\n${lines.join('\n')}\n`
}

async function read(page: string): Promise<string> {
  const file = join(folder, 'code.pbm')
  await writeFile(file, pbmOf(page), { mode: 0o600 })
  // Without D-Bus, over which it would report a code to the desktop.
  const { stdout } = await promisify(execFile)('zbarimg', ['--raw', '--quiet', '--nodbus', file], {
    timeout: 60_000,
  })
  return stdout.trim()
}

t.test('a camera reads the address with the secret of the device, and it opens the app', async (t) => {
  for (const name of ['Phone', 'Küche <"&'] as const) {
    const { secret, page } = await add(ann, { name })
    const { host } = new URL(hub.appUrl('one'))
    const text = await read(page.text)
    t.equal(text, `https://device:${secret}@${host}/`)
    const { username, password } = new URL(text)
    const answer = await ask('one', '/', { authorization: basic(username, password) })
    t.equal(answer.text, 'for ann@example.com')
  }
})

t.test('each device has a code of its own, and a drawing without squares says nothing', async (t) => {
  const [one, other] = [await add(ann, { name: 'One' }), await add(ann, { name: 'Other' })]
  t.not(await read(one.page.text), await read(other.page.text))
  await t.rejects(read(one.page.text.replace(/<path d="[^"]*" fill="black"/, '<path d="" fill="black"')))
})
