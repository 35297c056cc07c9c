/**
 * A step of GitHub Actions: exchanges the ID token of the job for a token of a bot, and ends that token when the job is over.
 * It runs twice: the second time, `STATE_token` has what the first one stored. Needs `permissions: { id-token: write }`.
 */
import { appendFileSync } from 'node:fs'

const { env } = process
const DEADLINE_MS = 30_000
const TOKEN = /^mezite_at_[A-Za-z0-9_-]{43}$/

/** What the hub or the runner says goes into the log as one line, which is no command of the runner. */
const lineOf = (text) =>
  String(text)
    .replace(/[^\x20-\x7e]/g, ' ')
    .replaceAll('%', '%25')
    .slice(0, 500)

function addressOf(name) {
  const url = URL.parse(env[`INPUT_${name.toUpperCase()}`] ?? '')
  const isLoopback = url?.protocol === 'http:' && url.hostname === '127.0.0.1'
  if (url === null || (url.protocol !== 'https:' && !isLoopback))
    throw new Error(`${name} must be an address with https://`)
  return url.origin
}

async function call(url, options) {
  // Neither a proof nor a token goes to another address than that of the workflow.
  const response = await fetch(url, {
    redirect: 'error',
    signal: AbortSignal.timeout(DEADLINE_MS),
    ...options,
  })
  const text = await response.text()
  try {
    return { status: response.status, body: text === '' ? {} : JSON.parse(text) }
  } catch {
    return { status: response.status, body: {} }
  }
}

const post = (hub, path, fields) => call(hub + path, { method: 'POST', body: new URLSearchParams(fields) })

async function idTokenFor(audience) {
  const { ACTIONS_ID_TOKEN_REQUEST_URL: address = '', ACTIONS_ID_TOKEN_REQUEST_TOKEN: token = '' } = env
  const url = URL.parse(address)
  if (url === null || token === '')
    throw new Error('the job has no ID token: give it the permission id-token: write')
  url.searchParams.set('audience', audience)
  const { status, body } = await call(url, { headers: { authorization: `Bearer ${token}` } })
  if (status !== 200 || typeof body.value !== 'string')
    throw new Error(`no ID token: GitHub responds with ${status}`)
  return body.value
}

async function login() {
  const [hub, app] = [addressOf('hub'), addressOf('app')]
  const bot = env.INPUT_BOT ?? ''
  if (!/^[a-z0-9][a-z0-9-]{0,62}$/.test(bot)) throw new Error('bot must be the name of a bot, such as ci')
  const { status, body } = await post(hub, '/v1/oauth/token', {
    grant_type: 'urn:ietf:params:oauth:grant-type:token-exchange',
    client_id: `bot:${bot}`,
    subject_token: await idTokenFor(env.INPUT_AUDIENCE || hub),
    subject_token_type: 'urn:ietf:params:oauth:token-type:id_token',
    resource: `${app}/`,
  })
  const { access_token: token, error = '', error_description: why = '' } = body
  if (status !== 200 || !TOKEN.test(token)) throw new Error(`the hub responds with ${status} ${error} ${why}`)
  process.stdout.write(`::add-mask::${token}\n`)
  // First what ends it: a job that has a token has told how to end it.
  appendFileSync(env.GITHUB_STATE, `token=${token}\nhub=${hub}\nbot=${bot}\n`)
  appendFileSync(env.GITHUB_OUTPUT, `token=${token}\n`)
}

async function logout() {
  const { STATE_hub: hub, STATE_bot: bot, STATE_token: token } = env
  // Who has the token may end it, so that no second ID token is needed (RFC 7009).
  const { status } = await post(hub, '/v1/oauth/revoke', { client_id: `bot:${bot}`, token })
  if (status !== 200) throw new Error(`the hub responds with ${status}`)
}

if (env.STATE_token === undefined)
  await login().catch(({ message }) => {
    process.stdout.write(`::error::No token of Mezite: ${lineOf(message)}\n`)
    process.exitCode = 1
  })
else
  await logout().catch(({ message }) =>
    process.stdout.write(`::warning::The token of Mezite ends by itself later: ${lineOf(message)}\n`),
  )
