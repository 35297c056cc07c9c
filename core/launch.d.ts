/**
 * Starts a program of Mezite: on Node.js 24 or newer in this process, on an older one by starting the Node.js that is
 * pinned in the dependencies.
 *
 * @internal
 * @param name the program, for messages
 * @param base `import.meta.url` of the bin file, at the root of its package
 * @param entry the main module, relative to `base` and without its ending
 */
export declare function launch(name: string, base: string, entry: string): Promise<void>

/**
 * Folder of the file that was started, with links followed, which is the package of the program; null: there is none.
 *
 * @internal
 */
export declare function programFolder(): string | null

/**
 * Looks for packages that are not found otherwise among those that the program brings along.
 *
 * @internal
 */
export declare function lookInProgram(): void
