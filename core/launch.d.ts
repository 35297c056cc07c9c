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
