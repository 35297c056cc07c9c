import { MezError } from '@mezite/core'
import { readEncryptionKey } from '@mezite/core/program'
import { signerOf } from '../archive/signer.ts'

/**
 * Throws `MEZ_COPY_REFUSED` unless the operator has named the signer of an archive, with `--signed-by` or in the file of the
 * private key (`named`), or the data directory already has the archive's encryption key. Whoever knows the public key can
 * encrypt an archive to it, with administrators of his choice.
 */
export function refuseStranger(
  file: string,
  { signer, named, isOwn }: { signer: string; named: readonly string[]; isOwn: boolean },
): void {
  if (named.length > 0 ? named.includes(signer) : isOwn) return
  if (named.length > 0)
    throw new MezError('MEZ_COPY_REFUSED', `${file} is signed by ${signer}, not by ${named.join(' or ')}`, {
      hint: 'Somebody else made it, or the cluster got another encryption key. Look for another copy of the backup.',
    })
  throw new MezError(
    'MEZ_COPY_REFUSED',
    `${file} is signed by ${signer}, and nothing says that this is your cluster`,
    {
      hint: `Compare it with what \`mezhub backup\` printed, or with \`mezhub backup signer\` on a machine of the cluster. If it is the same, repeat the command with --signed-by ${signer}.`,
    },
  )
}

/** The signer of the backups of a cluster, on a machine that has its encryption key. */
export async function signerOfCluster(dataDir: string): Promise<string> {
  const key = await readEncryptionKey(dataDir, process.env)
  if (key) return signerOf(key)
  throw new MezError('MEZ_ENCRYPTION_KEY_WRONG', `${dataDir} has no encryption key yet`, {
    hint: 'Start the hub once, or give MEZITE_ENCRYPTION_KEY.',
  })
}
