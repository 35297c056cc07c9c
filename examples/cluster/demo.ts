/** `npm run demo`: a whole cluster on this machine. With `-- --check` it tries everything and exits 0 or 1. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { check } from './check/check.ts'
import { type Cluster, type ClusterOptions, startCluster } from './cluster.ts'
import { administrator, colleague, passkeyPerson, people } from './people.ts'
import { isTaken } from './readiness.ts'
import { createRobot, robot, robotKey } from './robot.ts'

const HUB_PORT = 3080
const IDP_PORT = 3090
const DATA_DIR = fileURLToPath(new URL('.data', import.meta.url))
const print = (line: string): void => void process.stdout.write(`${line}\n`)

const HELP = `Usage: npm run demo [-- --check] [-- --port N] [-- --dir DIR] [-- --transport NAME] [-- --hubs N] [-- --acme]

Starts a hub, an identity provider, an agent and four applications on this machine.

  --check     start on free ports, try everything as each person, print a table, exit 0 or 1
  --port N    port of the hub (default ${HUB_PORT})
  --dir DIR   folder for everything that stays between runs (default examples/cluster/.data; of --check, none)
  --transport NAME
              http2, websocket or webtransport: the agent uses only this one
  --hubs N    1 or 2; two run behind HAProxy on a PostgreSQL server, and nothing stays between runs
  --acme      the hub orders its certificates from Pebble, an ACME authority; nothing stays between runs
  --help      print this`

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      check: { type: 'boolean', default: false },
      port: { type: 'string', default: String(HUB_PORT) },
      transport: { type: 'string' },
      hubs: { type: 'string', default: '1' },
      dir: { type: 'string' },
      acme: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  })
  if (values.help) {
    print(HELP)
    return 0
  }
  const hubPort = Number(values.port)
  if (!Number.isInteger(hubPort) || hubPort < 1 || hubPort > 65535) {
    throw new Error(`--port must be 1 to 65535, not ${values.port}`)
  }
  if (!values.check && (await isTaken(hubPort))) {
    throw new Error(`port ${hubPort} is taken; choose another: npm run demo -- --port ${hubPort + 1}`)
  }
  if (values.hubs !== '1' && values.hubs !== '2') throw new Error(`--hubs must be 1 or 2, not ${values.hubs}`)
  const hubs = values.hubs === '2' ? 2 : 1
  const { acme } = values
  if (acme && hubs === 2) throw new Error('--acme is for one hub')
  const variant: Variant = { transport: values.transport, hubs, acme }
  const { dir } = values
  if (values.check)
    return dir ? runCheck(resolve(dir), variant) : inFolder((folder) => runCheck(folder, variant))
  // The authority forgets its key when it stops.
  return hubs === 1 && !acme
    ? runDemo(hubPort, dir ? resolve(dir) : DATA_DIR, variant)
    : inFolder((folder) => runDemo(hubPort, folder, variant))
}

/** What `--transport`, `--hubs` and `--acme` choose. */
type Variant = Pick<ClusterOptions, 'transport' | 'hubs' | 'acme'>

/** Runs in a folder that is removed afterwards, unless the status is not 0: it has the logs. */
async function inFolder(run: (dir: string) => Promise<number>): Promise<number> {
  const dir = mkdtempSync(join(tmpdir(), 'mezite-demo-'))
  const status = await run(dir)
  if (status === 0) rmSync(dir, { recursive: true, force: true })
  else print(`The logs are in ${dir}`)
  return status
}

const onStep = (title: string): void => print(`- ${title}`)

/** Ctrl-C also reaches the command that the start is running, whose failure says nothing. */
async function start(options: ClusterOptions): Promise<Cluster> {
  try {
    return await startCluster(options)
  } catch (error) {
    options.signal?.throwIfAborted()
    throw error
  }
}

async function runCheck(dir: string, variant: Variant): Promise<number> {
  const signal = interruption()
  const cluster = await start({ dir, hubPort: 0, idpPort: 0, onStep, signal, ...variant })
  try {
    print('')
    return (await Promise.race([check(cluster, print), until(signal).then(() => false)])) ? 0 : 1
  } finally {
    await cluster.stop()
  }
}

/** With one hub, `dir` stays between runs, so that the next start is faster and people stay signed in. */
async function runDemo(hubPort: number, dir: string, variant: Variant): Promise<number> {
  const signal = interruption()
  const started = performance.now()
  const cluster = await start({ dir, hubPort, idpPort: IDP_PORT, onStep, signal, ...variant })
  try {
    onStep('Creating the robot, and a link for the person without an identity provider')
    await createRobot(cluster)
    const link = await enrolmentLink(cluster)
    if (!signal.aborted)
      print(welcome(cluster, link, (performance.now() - started) / 1000, variant.acme === true))
    await until(signal)
  } finally {
    await cluster.stop()
  }
  return 0
}

/** A new link at each start, with which the person adds a passkey. The first start also creates the user. */
async function enrolmentLink({ mezctl }: Cluster): Promise<string> {
  const ask = async (...args: readonly string[]) => JSON.parse(await mezctl(...args, '--format', 'json'))
  const { name, roles } = passkeyPerson
  const users: { name: string }[] = await ask('users', 'ls')
  if (users.some((user) => user.name === name)) {
    return (await ask('users', 'add-mfa', name, '--type=webauthn')).link
  }
  return (await ask('users', 'create', name, '--roles', roles.join(), '--passkey')).enrolment.link
}

function welcome(cluster: Cluster, link: string, seconds: number, acme: boolean): string {
  const source = acme
    ? `its authority, Pebble, is one for tests; the root is ${cluster.caFile}`
    : 'the certificate is a throw-away one'
  const rows = [...people, passkeyPerson].map(({ name, may, withKey }) => {
    const seen = [...may, ...withKey.map((app) => `${app} with a passkey`)].join(', ')
    return `  ${name.padEnd(18)} ${seen || 'nothing'}`
  })
  return `
Ready after ${seconds.toFixed(1)} s. Your browser will warn once for each host, because ${source}.

  Dashboard  ${cluster.hubUrl}/web/admin   (sign in as ${administrator.name})

  Identity   ${cluster.apps.identity}
  Live       ${cluster.apps.live}
  Vault      ${cluster.vaultUrl}   (asks for a passkey)
  Launcher   ${cluster.hubUrl}
${hubsText(cluster)}
Who can sign in, and which applications each may open:

${rows.join('\n')}

${people[0].name} opens Vault, adds a passkey (on this computer, a phone or a security key), and confirms with it.
${passkeyPerson.name} has no account at the provider and signs in with a passkey. This link adds it; it works once, within 15 minutes:

  ${link}

${colleague.name} opens the launcher in a private window, sees Live, and may ask for Identity: open it, write why, and leave the page
open. ${people[0].name} finds the request in the menu of the launcher and approves it; then the page of ${colleague.name} goes on to Identity.

Leave Live open and end its session in another tab (Hub, Your sessions): the page stays open, and continues after a new
sign-in.

To open a TCP application (${cluster.redis === 'redis' ? 'a real Redis' : 'an echo server, because redis-server is not installed'}) as ${people[0].name}:

  npx msh login --proxy ${new URL(cluster.hubUrl).host} --ca-file ${cluster.caFile}
  npx msh app login redis --port 6380

A robot has an account of its own, ${`bot:${robot.name}`}, and proves itself with a key instead of a browser:

  export MSH_HOME=${join(cluster.dataDir, '..', 'robot')}
  npx msh login --bot ${robot.name} --key ${robotKey(cluster)} --proxy ${new URL(cluster.hubUrl).host} --ca-file ${cluster.caFile}
  npx msh app run ${robot.opens} -- sh -c 'curl -s "$MEZITE_APP_URL"'

In another terminal, as the operator:

  export MEZITE_DATA_DIR=${cluster.dataDir}
  npx mezctl status
  npx mezctl apps ls
  npx mezctl sessions ls
  npx mezctl audit tail
  npx mezctl locks create --user ${people[0].email} --message "coffee break"

Ctrl-C stops everything.`
}

/** Which hub is which, and how to try the loss of one. */
function hubsText({ hubs, programs }: Cluster): string {
  if (hubs.length < 2) return ''
  const rows = hubs.map(
    ({ name, port, dataDir }) =>
      `  ${name.padEnd(11)} port ${port}, process ${programs.get(name)?.pid}, MEZITE_DATA_DIR=${dataDir}`,
  )
  return `
HAProxy sends each new connection to one of two hubs, which share a PostgreSQL database:

${rows.join('\n')}

Kill either, such as with \`kill -9 ${programs.get('second hub')?.pid}\`, and the applications stay open through the other one.
`
}

/** Aborts at the first Ctrl-C. A second one has no effect, because it would leave programs running. */
function interruption(): AbortSignal {
  const controller = new AbortController()
  for (const name of ['SIGINT', 'SIGTERM'] as const)
    process.on(name, () => {
      if (!controller.signal.aborted) print('\nStopping')
      controller.abort(new Error(`stopped by ${name}`))
    })
  return controller.signal
}

const until = (signal: AbortSignal): Promise<void> =>
  new Promise((resolve) => {
    if (signal.aborted) resolve()
    signal.addEventListener('abort', () => resolve())
  })

main().then(
  (code) => {
    process.exitCode = code
  },
  (error: Error) => {
    process.stderr.write(`error: ${error.message}\n`)
    process.exitCode = 1
  },
)
