// Waits on the page of a request until its state changes, and then goes on to the application.

{
  const card = document.querySelector('[data-request][data-state="pending"]')
  const RETRY_MS = 2000

  async function wait() {
    for (;;) {
      try {
        const { id, state } = { id: card.dataset.request, state: card.dataset.state }
        const answer = await fetch(`/web/access-requests/${id}/state?was=${state}`, {
          headers: { accept: 'application/json' },
        })
        if (answer.status === 401 || answer.status === 404) return location.reload()
        if (answer.ok) {
          const found = await answer.json()
          if (found.state === 'approved' && found.url) return location.assign(found.url)
          if (found.state !== 'pending') return location.reload()
          continue
        }
      } catch {
        // The hub is away; it may come back.
      }
      await new Promise((resolve) => setTimeout(resolve, RETRY_MS))
    }
  }
  if (card) wait()
}
