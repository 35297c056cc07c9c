import { spawnSync } from 'node:child_process'

/** Secrets of one program in the store of the system, each under the name of its hub. */
export interface SecretStore {
  /** Of the store, for messages. */
  readonly name: string
  /** Null if the store has none, or cannot be read. */
  get(account: string): string | null
  /** Whether the secret is stored and can be read again. */
  put(account: string, secret: string): boolean
  remove(account: string): void
}

/** A person may have to unlock the store first. */
const WAIT_MS = 60_000

/** Runs a command of the system with a text on its standard input, because other users see arguments; null if it fails. */
function run(command: string, args: readonly string[], input = ''): string | null {
  const options = { input, encoding: 'utf8', timeout: WAIT_MS, windowsHide: true } as const
  const { status, stdout } = spawnSync(command, args, options)
  return status === 0 ? stdout : null
}

/** Text that every command takes and prints unchanged. */
const packed = (secret: string) => Buffer.from(secret).toString('base64')
function unpacked(text: string | null): string | null {
  const trimmed = text?.trim() ?? ''
  return trimmed === '' ? null : Buffer.from(trimmed, 'base64').toString()
}

type Commands = Pick<SecretStore, 'name' | 'get' | 'remove'> & {
  readonly set: (account: string, text: string) => void
}

/** The Keychain, by the command that macOS has. Its standard input takes lines, in which a secret may be hexadecimal. */
const keychain = (service: string): Commands => ({
  name: 'the Keychain',
  get: (account) => unpacked(run('security', ['find-generic-password', '-s', service, '-a', account, '-w'])),
  set: (account, text) =>
    run(
      'security',
      ['-i'],
      `add-generic-password -U -s ${service} -a ${account} -X ${Buffer.from(text).toString('hex')}\n`,
    ),
  remove: (account) => run('security', ['delete-generic-password', '-s', service, '-a', account]),
})

/** The Secret Service of GNOME, KDE and others, by the command of libsecret. */
const secretService = (service: string): Commands => ({
  name: 'the Secret Service',
  get: (account) => unpacked(run('secret-tool', ['lookup', 'service', service, 'account', account])),
  set: (account, text) =>
    run(
      'secret-tool',
      ['store', `--label=${service} ${account}`, 'service', service, 'account', account],
      text,
    ),
  remove: (account) => run('secret-tool', ['clear', 'service', service, 'account', account]),
})

/** Reads what to do from its standard input, and prints a secret. */
const VAULT = `$ErrorActionPreference = 'Stop'
[void][Windows.Security.Credentials.PasswordVault, Windows.Security.Credentials, ContentType = WindowsRuntime]
$vault = New-Object Windows.Security.Credentials.PasswordVault
$ask = [Console]::In.ReadToEnd() | ConvertFrom-Json
if ($ask.do -ne 'get') { try { $vault.Remove($vault.Retrieve($ask.service, $ask.account)) } catch {} }
if ($ask.do -eq 'set') { $vault.Add((New-Object Windows.Security.Credentials.PasswordCredential($ask.service, $ask.account, $ask.text))) }
if ($ask.do -eq 'get') { $one = $vault.Retrieve($ask.service, $ask.account); $one.RetrievePassword(); [Console]::Out.Write($one.Password) }`

/** The Credential Manager, by the PowerShell that Windows has. */
function credentialManager(service: string): Commands {
  const ask = (what: object) =>
    run(
      'powershell.exe',
      ['-NoProfile', '-NonInteractive', '-Command', VAULT],
      JSON.stringify({ service, ...what }),
    )
  return {
    name: 'the Credential Manager',
    get: (account) => unpacked(ask({ do: 'get', account })),
    set: (account, text) => ask({ do: 'set', account, text }),
    remove: (account) => ask({ do: 'remove', account }),
  }
}

/**
 * The store of this system for `service`, such as `mezite-msh`; null where there is none, such as in a session without a desktop on
 * Linux. Accounts are `host` or `host:port`.
 */
export function systemSecrets(service: string): SecretStore | null {
  const commands = { darwin: keychain, win32: credentialManager, linux: secretService }[
    process.platform as string
  ]
  if (commands === undefined) return null
  if (process.platform === 'linux' && !process.env.DBUS_SESSION_BUS_ADDRESS) return null
  const { name, get, set, remove } = commands(service)
  return {
    ...{ name, get, remove },
    put(account, secret) {
      // It becomes a word of a line.
      if (!/^[\w.:[\]-]+$/.test(account)) return false
      set(account, packed(secret))
      return get(account) === secret
    },
  }
}
