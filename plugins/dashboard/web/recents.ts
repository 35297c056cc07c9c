const KEY = 'mezite.recent'
const MOST = 6

/** Names of the apps that this browser opened, newest first. */
export function recentApps(user: string): readonly string[] {
  try {
    const stored = JSON.parse(localStorage.getItem(`${KEY}.${user}`) ?? '[]')
    return Array.isArray(stored) ? stored.filter((name) => typeof name === 'string').slice(0, MOST) : []
  } catch {
    return []
  }
}

/** Remembers that the person opened an app. Without storage, nothing is remembered. */
export function rememberApp(user: string, name: string): void {
  try {
    const names = [name, ...recentApps(user).filter((one) => one !== name)].slice(0, MOST)
    localStorage.setItem(`${KEY}.${user}`, JSON.stringify(names))
  } catch {}
}
