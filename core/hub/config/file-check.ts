import { access, constants, stat } from 'node:fs/promises'
import type { ValueProblem } from '../../kernel/config-check.ts'
import { messageOf } from '../../kernel/error.ts'
import { readLogo } from '../pages/logo.ts'
import { checkCertificates } from './certificate-check.ts'
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
 * private, and that the hub can start with the certificates.
 */
export async function checkFiles(config: HubConfig, urlFromFile: boolean): Promise<FileFindings> {
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
  problems.push(...(await checkCertificates(config, unusable)))
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
