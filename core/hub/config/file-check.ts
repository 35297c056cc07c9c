import { access, constants, stat } from 'node:fs/promises'
import { type KeyPair, type KeyPairFiles, readKeyPair } from '../../base/x509/key-pair.ts'
import type { ValueProblem } from '../../kernel/config-check.ts'
import { messageOf } from '../../kernel/error.ts'
import { checkAppNames } from '../../traffic/certificates/certificates.ts'
import { readLogo } from '../../web/pages/logo.ts'
import type { HubConfig } from './hub-config.ts'

const OTHERS_READ = 0o004
const OTHERS_WRITE = 0o002
const GROUP_READ = 0o040

export interface FileFindings {
  readonly problems: readonly ValueProblem[]
  readonly warnings: readonly string[]
}

/**
 * Checks that files are readable, that files with secrets (keys, and a configuration with the database's password) are
 * private, and that the hub can start with the certificates. `certified`: a plugin may provide more of these.
 */
export async function checkFiles(
  config: HubConfig,
  urlFromFile: boolean,
  certified: boolean,
): Promise<FileFindings> {
  const problems: ValueProblem[] = []
  const warnings: string[] = []
  const secret = async (path: readonly string[], file: string) => {
    const { mode } = await stat(file)
    if (mode & (OTHERS_READ | OTHERS_WRITE)) {
      problems.push({ path, message: `everybody can read or write ${file}; run chmod 600 on it` })
    } else if (mode & GROUP_READ) warnings.push(`the group can read the secret file ${file}`)
  }
  const readable = async (path: readonly string[], file: string) => {
    try {
      await access(file, constants.R_OK)
      return true
    } catch (error) {
      problems.push({ path, message: `the file cannot be read: ${messageOf(error)}` })
      return false
    }
  }
  const keypair = async (name: string, pair: KeyPairFiles | undefined) => {
    if (!pair) return
    await readable(['proxy', name, 'cert_file'], pair.certFile)
    const key = ['proxy', name, 'key_file']
    if (await readable(key, pair.keyFile)) await secret(key, pair.keyFile)
  }
  await keypair('https_keypair', config.proxy.https_keypair)
  await keypair('apps_keypair', config.proxy.apps_keypair)
  const unusable = (path: string) => problems.some((one) => one.path.join('.').startsWith(`${path}.`))
  problems.push(...(await checkCertificates(config, certified, unusable)))
  try {
    if (config.brand.logo_file !== undefined) readLogo(config.brand.logo_file)
  } catch (error) {
    problems.push({ path: ['brand', 'logo_file'], message: `cannot be used: ${messageOf(error)}` })
  }
  const { database } = config
  if (urlFromFile && database.driver === 'postgres' && URL.parse(database.url ?? '')?.password) {
    await secret(['database', 'url'], config.file)
  }
  return { problems, warnings }
}

/** Reads the key pairs as the start does, and lists why it would refuse them. Skips a pair whose files are `unusable`. */
async function checkCertificates(
  { proxy }: HubConfig,
  certified: boolean,
  unusable: (path: string) => boolean,
): Promise<readonly ValueProblem[]> {
  const problems: ValueProblem[] = []
  const read = async (key: string, files: KeyPairFiles | undefined): Promise<KeyPair | null> => {
    if (files === undefined || unusable(`proxy.${key}`)) return null
    try {
      const pair = await readKeyPair(files)
      if (pair.leaf.validToDate.getTime() < Date.now())
        problems.push({
          path: ['proxy', key],
          message: `${files.certFile} has expired; renew the certificate`,
        })
      return pair
    } catch (error) {
      problems.push({ path: ['proxy', key], message: messageOf(error) })
      return null
    }
  }
  const main = await read('https_keypair', proxy.https_keypair)
  const apps = await read('apps_keypair', proxy.apps_keypair)
  const [key, files, pair] = proxy.apps_keypair
    ? (['apps_keypair', proxy.apps_keypair, apps] as const)
    : (['https_keypair', proxy.https_keypair, main] as const)
  if (!pair || certified) return problems
  try {
    for (const domain of proxy.apps_domain ?? []) checkAppNames(pair, domain)
  } catch (error) {
    problems.push({ path: ['proxy', key], message: `${files?.certFile}: ${messageOf(error)}` })
  }
  return problems
}
