// Tells the page that opened this small window, and closes it.
try {
  new BroadcastChannel('mezite-session').postMessage('renewed')
} catch {}
setTimeout(close, 50)
