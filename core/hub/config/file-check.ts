import { access, constants, stat } from 'node:fs/promises'
import type { ValueProblem } from '../../kernel/config-check.ts'
import { messageOf } from '../../kernel/error.ts'
import { readLogo } from '../../pages/logo.ts'
import { checkAppNames } from '../listener/certificates.ts'
import { type KeyPair, readKeyPair } from '../listener/key-pair.ts'
import type { HubConfig, Keypair } from './hub-config.ts'

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
  const keypair = async (name: string, pair: Keypair | null) => {
    if (!pair) return
    await readable(['proxy', name, 'cert_file'], pair.certFile)
    const key = ['proxy', name, 'key_file']
    if (await readable(key, pair.keyFile)) await secret(key, pair.keyFile)
  }
  await keypair('https_keypair', config.proxy.httpsKeypair)
  await keypair('apps_keypair', config.proxy.appsKeypair)
  const unusable = (path: string) => problems.some((one) => one.path.join('.').startsWith(`${path}.`))
  problems.push(...(await checkCertificates(config, certified, unusable)))
  const { logoFile } = config.brand
  try {
    if (logoFile !== null) readLogo(logoFile)
  } catch (error) {
    problems.push({ path: ['brand', 'logo_file'], message: `cannot be used: ${messageOf(error)}` })
  }
  const { database } = config
  if (urlFromFile && database.driver === 'postgres' && URL.parse(database.url)?.password) {
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
  const read = async (key: string, files: Keypair | null): Promise<KeyPair | null> => {
    if (files === null || unusable(`proxy.${key}`)) return null
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
  const main = await read('https_keypair', proxy.httpsKeypair)
  const apps = await read('apps_keypair', proxy.appsKeypair)
  const [key, files, pair] = proxy.appsKeypair
    ? (['apps_keypair', proxy.appsKeypair, apps] as const)
    : (['https_keypair', proxy.httpsKeypair, main] as const)
  if (!pair || proxy.appsDomain === null || certified) return problems
  try {
    checkAppNames(pair, proxy.appsDomain)
  } catch (error) {
    problems.push({ path: ['proxy', key], message: `${files?.certFile}: ${messageOf(error)}` })
  }
  return problems
}
