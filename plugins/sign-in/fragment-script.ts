import { createHash } from 'node:crypto'

/**
 * Keeps the fragment of an app's URL during a sign-in. A fragment is never sent to a server, and a page of the provider
 * loses it, so the browser itself stores it for the tab: the page before the sign-in keeps it, and the last page restores
 * it. Targets come from the hub alone.
 */
export const fragmentScript = `;(() => {
  const { keep, restore } = document.querySelector('main [data-fragment]').dataset
  const name = 'mezite-fragment'
  const { hash, origin } = globalThis.location
  let stored = false
  let kept = ''
  try {
    if (keep !== undefined && hash !== '') {
      sessionStorage.setItem(name, hash)
      stored = true
    }
    if (restore !== undefined) {
      const found = sessionStorage.getItem(name) ?? ''
      if (found.startsWith('#')) kept = found
      if (new URL(restore, origin).origin !== origin) sessionStorage.removeItem(name)
    }
  } catch {}
  globalThis.location.replace(keep === undefined ? restore + kept : keep + (stored ? '1' : '0'))
})()
`

/** Its name changes with its content, so caches may keep it forever. */
export const fragmentScriptPath = `/web/assets/fragment-${createHash('sha256').update(fragmentScript).digest('hex').slice(0, 12)}.js`
