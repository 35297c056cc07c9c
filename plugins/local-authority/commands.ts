import { execFile } from 'node:child_process'
import { X509Certificate } from 'node:crypto'
import { existsSync, globSync } from 'node:fs'
import { readFile, rm, writeFile } from 'node:fs/promises'
import { homedir } from 'node:os'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { AdminCommand, type AdminFlags, CliError, confirm, yesFlag } from '@mezite/cli'
import * as Flags from '@oclif/core/flags'

const run = promisify(execFile)
const DEADLINE_MS = 60_000

/** Where Linux distributions keep roots that an administrator adds, and the program that applies them. */
const SYSTEM_FOLDERS = [
  { folder: '/usr/local/share/ca-certificates', ending: 'crt', apply: ['update-ca-certificates'] },
  { folder: '/etc/pki/ca-trust/source/anchors', ending: 'pem', apply: ['update-ca-trust', 'extract'] },
  { folder: '/etc/ca-certificates/trust-source/anchors', ending: 'pem', apply: ['trust', 'extract-compat'] },
] as const

interface Root {
  readonly pem: string
  /** Unique for this authority. */
  readonly name: string
}

/** One store of roots on this machine. */
interface Store {
  readonly title: string
  /** Why it cannot be changed; null if it can. */
  readonly obstacle: string | null
  install(root: Root): Promise<void>
  remove(root: Root): Promise<void>
}

const call = (program: string, args: readonly string[]) => run(program, args, { timeout: DEADLINE_MS })

function systemStore(prefix: string): Store | null {
  const isRoot = process.getuid?.() === 0 || prefix !== ''
  const obstacle = isRoot ? null : 'needs root: run the command with sudo'
  if (process.platform === 'darwin') {
    const keychain = '/Library/Keychains/System.keychain'
    const withFile = async (root: Root, use: (file: string) => Promise<unknown>) => {
      const file = join(homedir(), `${root.name}.pem`)
      await writeFile(file, root.pem, { mode: 0o600 })
      await use(file).finally(() => rm(file, { force: true }))
    }
    return {
      title: 'the keychain of the system',
      obstacle,
      install: (root) =>
        withFile(root, (file) =>
          call('security', ['add-trusted-cert', '-d', '-r', 'trustRoot', '-k', keychain, file]),
        ),
      remove: (root) => withFile(root, (file) => call('security', ['remove-trusted-cert', '-d', file])),
    }
  }
  const known = SYSTEM_FOLDERS.find(({ folder }) => existsSync(join(prefix, folder)))
  if (known === undefined) return null
  const { folder, ending, apply } = known
  const applyAll = () => (prefix === '' ? call(apply[0], apply.slice(1)) : Promise.resolve())
  const fileOf = ({ name }: Root) => join(prefix, folder, `${name}.${ending}`)
  return {
    title: `the system (${folder})`,
    obstacle,
    async install(root) {
      await writeFile(fileOf(root), root.pem, { mode: 0o644 })
      await applyAll()
    },
    async remove(root) {
      await rm(fileOf(root), { force: true })
      await applyAll()
    },
  }
}

/** Firefox and, on Linux, Chromium keep roots in databases of NSS, which `certutil` changes. */
async function nssStores(home: string): Promise<readonly Store[]> {
  const databases = [
    join(home, '.pki/nssdb/cert9.db'),
    ...globSync(join(home, '.mozilla/firefox/*/cert9.db')),
    ...globSync(join(home, 'snap/firefox/common/.mozilla/firefox/*/cert9.db')),
    ...globSync(join(home, 'Library/Application Support/Firefox/Profiles/*/cert9.db')),
  ].filter((file) => existsSync(file))
  if (databases.length === 0) return []
  const found = await call('certutil', ['-H']).then(
    () => true,
    (error: NodeJS.ErrnoException) => error.code !== 'ENOENT',
  )
  const obstacle = found ? null : 'needs certutil: install libnss3-tools (Debian) or nss (others)'
  return databases.map((file) => {
    const database = `sql:${dirname(file)}`
    const remove = ({ name }: Root) =>
      call('certutil', ['-D', '-d', database, '-n', name]).then(
        () => {},
        () => {},
      )
    return {
      title: `a browser (${dirname(file)})`,
      obstacle,
      remove,
      async install(root) {
        await remove(root)
        const adding = execFile('certutil', ['-A', '-d', database, '-n', root.name, '-t', 'C,,'], {
          timeout: DEADLINE_MS,
        })
        adding.stdin?.on('error', () => {})
        adding.stdin?.end(root.pem)
        await new Promise<void>((resolve, reject) => {
          adding.once('error', reject)
          adding.once('close', (code) =>
            code === 0 ? resolve() : reject(new Error(`certutil ended with status ${code}`)),
          )
        })
      },
    }
  })
}

const flags = {
  ...yesFlag,
  'root-file': Flags.file({
    exists: true,
    description: 'Root certificate, PEM; default: that of the hub on this machine, by its admin socket',
    helpValue: 'FILE',
  }),
}

interface TrustFlags extends AdminFlags {
  readonly 'root-file'?: string | undefined
  readonly yes: boolean
}

/** Shared by the two commands. */
abstract class TrustCommand extends AdminCommand {
  protected async change(verb: 'install' | 'remove', given: TrustFlags): Promise<void> {
    const root = await this.#root(given)
    // Only a test sets it.
    const prefix = process.env.MEZITE_TRUST_ROOT ?? ''
    const system = systemStore(prefix)
    const browsers = await nssStores(prefix === '' ? homedir() : join(prefix, 'home'))
    const stores = [...(system ? [system] : []), ...browsers]
    if (stores.length === 0)
      throw new CliError('MEZ_FILE_UNWRITABLE', 'this machine has no known store of root certificates', {
        hint: 'Add the root to the trusted certificates of the system or the browser by hand.',
      })
    const sentence = verb === 'install' ? 'Trust' : 'Stop trusting'
    await confirm(`${sentence} ${root.name} in ${stores.map(({ title }) => title).join(', ')}?`, given.yes)
    const [changed, skipped]: [string[], string[]] = [[], []]
    for (const store of stores) {
      if (store.obstacle !== null) {
        skipped.push(store.title)
        this.note(`Skipped ${store.title}: ${store.obstacle}`)
        continue
      }
      await store[verb](root)
      changed.push(store.title)
    }
    const done = verb === 'install' ? 'Installed in' : 'Removed from'
    await this.show(given, { root: root.name, changed, skipped }, () =>
      changed.map((title) => `${done} ${title}.`).join('\n'),
    )
  }

  async #root(given: TrustFlags): Promise<Root> {
    const file = given['root-file']
    const pem =
      file === undefined
        ? await this.hub(given).text('/local-authority/root.pem')
        : await readFile(file, 'utf8')
    try {
      const name = new X509Certificate(pem).subject
        .replace(/^CN=/, '')
        .replaceAll(/[^\w-]+/g, '-')
        .toLowerCase()
      return { pem, name }
    } catch {
      throw new CliError(
        'MEZ_USAGE_WRONG',
        `${file ?? 'the response of the hub'} is not a certificate in PEM`,
      )
    }
  }
}

class TrustInstall extends TrustCommand {
  static override summary = "Trust the hub's own authority in this machine's browsers"
  static override description =
    'Adds the root certificate of the plugin local-authority to the store of the system, and to those of Firefox and Chromium, after asking. The root is valid only for the names of the hub and its apps.'
  static override examples = [
    '<%= config.bin %> <%= command.id %>',
    '<%= config.bin %> <%= command.id %> --root-file root.pem',
  ]
  static override flags = flags

  async run(): Promise<void> {
    const { flags: given } = await this.parse(TrustInstall)
    await this.change('install', given)
  }
}

class TrustRemove extends TrustCommand {
  static override summary = "Remove the hub's own authority from this machine's browsers"
  static override examples = ['<%= config.bin %> <%= command.id %>']
  static override flags = flags

  async run(): Promise<void> {
    const { flags: given } = await this.parse(TrustRemove)
    await this.change('remove', given)
  }
}

export const COMMANDS = { 'trust:install': TrustInstall, 'trust:remove': TrustRemove }
