import type { ValueProblem } from '../../kernel/config-check.ts'
import { messageOf } from '../../kernel/error.ts'
import { checkAppNames } from '../listener/certificates.ts'
import { type KeyPair, readKeyPair } from '../listener/key-pair.ts'
import type { HubConfig, Keypair } from './hub-config.ts'

/** Reads the key pairs as the start does, and lists why it would refuse them. Skips a pair whose files are `unusable`. */
export async function checkCertificates(
  { proxy }: HubConfig,
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
  if (!pair || proxy.appsDomain === null) return problems
  try {
    checkAppNames(pair, proxy.appsDomain)
  } catch (error) {
    problems.push({ path: ['proxy', key], message: `${files?.certFile}: ${messageOf(error)}` })
  }
  return problems
}
