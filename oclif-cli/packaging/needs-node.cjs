// The scripts of package.json begin with this file, which every Node.js can load.
const LEAST = 24
if (Number(process.versions.node.split('.')[0]) < LEAST) {
  process.stderr.write(
    `error: Mezite needs Node.js ${LEAST} or newer, and this is ${process.versions.node}\n` +
      'On Linux (x64, arm64), npm ci brings it along; elsewhere install it from https://nodejs.org, then run npm ci.\n',
  )
  process.exit(1)
}
