// Notifies the page that opened this small window, then closes the window.
try {
  new BroadcastChannel('mezite-session').postMessage('renewed')
} catch {}
setTimeout(close, 50)
