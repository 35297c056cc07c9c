/**
 * The library, loaded only by hubs whose configuration turns the plugin on. Loading it takes a moment and some memory.
 */
export async function loadLibrary() {
  const { default: Provider, errors, interactionPolicy } = await import('oidc-provider')
  return { Provider, errors, interactionPolicy }
}

export type Library = Awaited<ReturnType<typeof loadLibrary>>
