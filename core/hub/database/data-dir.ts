import { constants } from 'node:fs'
import { access, mkdir } from 'node:fs/promises'
import { MezError, messageOf } from '../../kernel/error.ts'

/** Creates the data directory if it is missing, accessible to this user only. Throws `MEZ_DATA_DIR_UNWRITABLE`. */
export async function prepareDataDir(dataDir: string): Promise<void> {
  try {
    await mkdir(dataDir, { recursive: true, mode: 0o700 })
    await access(dataDir, constants.W_OK | constants.X_OK)
  } catch (cause) {
    const message = `the data directory ${dataDir} cannot be used: ${messageOf(cause)}`
    throw new MezError('MEZ_DATA_DIR_UNWRITABLE', message, { cause })
  }
}
