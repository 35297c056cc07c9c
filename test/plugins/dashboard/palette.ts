import type { Page } from 'playwright-core'

/** Opens a page or does something by the search over everything. */
export async function search(page: Page, words: string, hit: string): Promise<void> {
  await page.keyboard.press('Control+k')
  await page.locator('.palette').waitFor()
  await page.keyboard.type(words)
  await page.locator('.palette [role=option][aria-selected=true]', { hasText: hit }).waitFor()
  await page.keyboard.press('Enter')
  await page.locator('.palette').waitFor({ state: 'detached' })
}
