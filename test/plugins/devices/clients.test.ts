// together: plugin-hubs
/**
 * Requests as the clients of known applications send them, by what their makers document. curl is real; of the others nobody runs here
 * (`radicale.test.ts` has a real server and client for calendars).
 */
import { execFile } from 'node:child_process'
import { connect, type TLSSocket } from 'node:tls'
import { promisify } from 'node:util'
import t from 'tap'
import { until } from '../../until.ts'
import { basic, startDeviceHub } from './device-hub.ts'

const run = promisify(execFile)
const world = await startDeviceHub(t)
const { hub, keys, received, add, ask } = world
const ann = await keys.person('ann@example.com', ['staff'])
const { secret, id } = await add(ann)
const header = { 'mezite-device': secret }
const last = () => received.at(-1)!
const AS_ANN = 'for ann@example.com'

t.test('clients that send a header, beside their own token', async (t) => {
  const immich = {
    ...{ 'user-agent': 'Immich_Android_2.3.1', accept: 'application/json' },
    ...{ 'x-immich-user-token': 'of-immich', authorization: 'Bearer of-immich' },
  }
  for (const [name, method, path, headers, body] of [
    ['Immich', 'GET', '/.well-known/immich', immich],
    ['Immich', 'GET', '/api/server/ping', immich],
    [
      'Immich',
      'POST',
      '/api/assets',
      { ...immich, 'content-type': 'multipart/form-data; boundary=x' },
      '--x\r\ncontent-disposition: form-data; name="deviceId"\r\n\r\nphone\r\n--x--\r\n',
    ],
    [
      'Streamyfin for Jellyfin',
      'POST',
      '/Users/AuthenticateByName',
      {
        authorization:
          'MediaBrowser Client="Streamyfin", Device="Phone", DeviceId="a1", Version="0.50.0", Token="of-jellyfin"',
        'content-type': 'application/json',
      },
      '{"Username":"ann","Pw":"x"}',
    ],
    [
      'Jellyfin, older',
      'GET',
      '/Items?api_key=of-jellyfin',
      { 'x-emby-authorization': 'MediaBrowser Client="Kodi", Device="TV", DeviceId="b", Version="1"' },
    ],
    [
      'the REST API of Home Assistant',
      'POST',
      '/api/services/light/turn_on',
      { authorization: 'Bearer of-home-assistant', 'content-type': 'application/json' },
      '{"entity_id":"light.kitchen"}',
    ],
    [
      'the webhook of Home Assistant',
      'POST',
      '/api/webhook/0a1b',
      { 'content-type': 'application/json' },
      '{}',
    ],
    [
      'Bitwarden, if it could',
      'POST',
      '/identity/connect/token',
      {
        ...{ 'device-type': '0', 'bitwarden-client-name': 'mobile', 'bitwarden-client-version': '2026.11.0' },
        'content-type': 'application/x-www-form-urlencoded',
      },
      'grant_type=password&username=ann&password=x&scope=api+offline_access&client_id=mobile&deviceType=0',
    ],
    ['ntfy for Android', 'GET', '/alerts/json?poll=1&since=all', { 'user-agent': 'ntfy/1.22.2 (play)' }],
    ['ntfy', 'PUT', '/alerts', { title: 'Disk', priority: 'high', tags: 'warning' }, 'full'],
  ] as const) {
    const answer = await ask('one', path, { ...headers, ...header }, { method, ...(body && { body }) })
    t.equal(answer.text, AS_ANN, `${name}: ${method} ${path}`)
    const sent = last().headers
    t.equal(sent['mezite-device'], undefined)
    if ('authorization' in headers) t.equal(sent.authorization, headers.authorization)
  }
})

t.test('clients that send a user and a password', async (t) => {
  const dav = { authorization: basic('device', secret), depth: '0', 'content-type': 'application/xml' }
  const find = '<?xml version="1.0"?><propfind xmlns="DAV:"><prop><current-user-principal/></prop></propfind>'
  for (const [name, method, path, agent] of [
    ['DAVx5', 'PROPFIND', '/.well-known/caldav', 'DAVx5/4.5.5-ose (dav4jvm; okhttp/5.1.0) Android/16'],
    ['iOS', 'PROPFIND', '/', 'iOS/18.1 (22B83) dataaccessd/1.0'],
    ['Thunderbird', 'REPORT', '/ann/calendar/', 'Mozilla/5.0 Gecko/20100101 Thunderbird/140.5.0'],
    ['Nextcloud by WebDAV', 'PROPFIND', '/remote.php/dav/files/ann/', 'rclone/v1.71.0'],
    ['Nextcloud by WebDAV', 'MKCOL', '/remote.php/dav/files/ann/new', 'gvfs/1.58'],
  ] as const) {
    const answer = await ask('one', path, { ...dav, 'user-agent': agent }, { method, body: find })
    t.equal(answer.text, AS_ANN, `${name}: ${method} ${path}`)
    t.equal(last().headers.authorization, undefined)
    t.equal(last().headers.depth, '0')
  }
  const ntfy = await ask('one', '/alerts/json?poll=1', { authorization: basic('device', secret) })
  t.equal(ntfy.text, AS_ANN, 'ntfy for iOS')
})

t.test('curl, which is real, in all three ways', async (t) => {
  const url = new URL(hub.appUrl('one'))
  const curl = async (...args: string[]) => {
    const at = ['--resolve', `${url.hostname}:${url.port}:127.0.0.1`, '--cacert', hub.caFile]
    return (await run('curl', ['-sS', '--max-time', '30', ...at, ...args])).stdout
  }
  t.equal(await curl('-H', `Mezite-Device: ${secret}`, url.href), AS_ANN)
  t.equal(await curl('-u', `device:${secret}`, url.href), AS_ANN)
  t.equal(await curl(`https://device:${secret}@${url.host}/`), AS_ANN)
  t.equal(await curl('-T', import.meta.filename, '-u', `device:${secret}`, `${url.href}file`), AS_ANN)
})

t.test('a WebSocket, as Home Assistant and ntfy use them, is cut when the device is removed', async (t) => {
  const { hostname, port, host } = new URL(hub.appUrl('one'))
  const socket: TLSSocket = connect({
    ...{ host: '127.0.0.1', port: Number(port), servername: hostname, ca: hub.visitor().ca! },
    ALPNProtocols: ['http/1.1'],
  })
  socket.on('error', () => {})
  let text = ''
  socket.on('data', (chunk) => {
    text += chunk
  })
  socket.write(
    `GET /api/websocket HTTP/1.1\r\nHost: ${host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: ${Buffer.alloc(16).toString('base64')}\r\nMezite-Device: ${secret}\r\n\r\n`,
  )
  await until(async () => text.includes('101 Switching'), 'the WebSocket opens')
  t.equal(last().headers['mezite-device'], undefined)
  const closed = new Promise((resolve) => socket.on('close', resolve))
  const before = performance.now()
  await hub.api('DELETE', `/devices/${id}`)
  await closed
  t.comment(`from the call to the cut: ${Math.round(performance.now() - before)} ms`)
  t.equal(performance.now() - before < 5_000, true)
})
