/**
 * For packages of the standard set that add commands to `mezhub`. Unstable until 1.0.
 *
 * @internal
 */

export { type LockedPlugin, PLUGIN_LOCK, readPluginLock } from '../base/loader/plugin-lock.ts'
export { foreignPlugins, type LoadedConfig, loadConfig } from '../hub/config/config-loader.ts'
export {
  hasEncryptionKey,
  installEncryptionKey,
  readEncryptionKey,
} from '../state/secrets/encryption-key.ts'
export { proveKey } from '../state/secrets/key-verification.ts'
export { adminClient } from './admin/admin-client.ts'
export { type AdminStream, streamFromHub } from './admin/admin-stream.ts'
export { type OfflineCluster, openOffline } from './offline.ts'

/** A command of `mezhub`, by its first word in the export `commands` of a package's `./program`. */
export interface ProgramCommand {
  /** For the list of commands, at most 60 characters. */
  readonly summary: string
  /** The output of `--help`, with a line break at its end. */
  readonly help: string
  /**
   * `args` are those after the first word; `progress` prints lines about what it does now to standard error. Rejects with a
   * `MezError`, whose code and hint are printed.
   */
  run(
    args: readonly string[],
    print: (text: string) => void,
    progress?: (text: string) => void,
  ): Promise<void>
}
