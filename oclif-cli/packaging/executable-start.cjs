/**
 * The main script of a single executable. At the first start it unpacks the files of the program into a folder of the
 * user, from which every start runs: worker threads, plugins and the embedded database are then the same as in an
 * installation by npm.
 */
const fs = require('node:fs')
const { homedir } = require('node:os')
const { dirname, join, sep } = require('node:path')
const { getAsset, getRawAsset } = require('node:sea')
const { pathToFileURL } = require('node:url')
const { zstdDecompressSync } = require('node:zlib')

/** `files` are pairs of path and size, in the order of their contents in the asset `contents`. */
const { program, entry, id, files } = JSON.parse(getAsset('program', 'utf8'))

const isWindows = process.platform === 'win32'
/** The variable that names the folder of caches, and where that is without it. */
const [variable, cachesBelowHome] = isWindows
  ? ['LOCALAPPDATA', ['AppData', 'Local']]
  : ['XDG_CACHE_HOME', process.platform === 'darwin' ? ['Library', 'Caches'] : ['.cache']]

function fail(problem) {
  process.stderr.write(`error: cannot unpack ${program}: ${problem} (MEZ_FILE_UNWRITABLE)\n`)
  process.stderr.write(
    `Set ${variable} to a folder that belongs to this user and that no other user can write to.\n`,
  )
  process.exit(1)
}

/** Creates a missing folder. Code runs from it, so that no other user may be able to write to it. */
function ensurePrivate(folder) {
  fs.mkdirSync(folder, { recursive: true, mode: 0o700 })
  // Windows closes a profile to other users by its access lists, and reports modes that mean nothing.
  if (isWindows) return
  const { uid, mode } = fs.statSync(folder)
  if (uid !== process.getuid()) fail(`${folder} belongs to another user`)
  if ((mode & 0o022) !== 0) fail(`other users can write to ${folder}`)
}

/** A power cut soon after unpacking can leave files without their contents. */
const isComplete = (folder) =>
  files.every(([path, size]) => fs.statSync(join(folder, path), { throwIfNoEntry: false })?.size === size)

function unpack(folder) {
  const draft = fs.mkdtempSync(`${folder}.`)
  const contents = zstdDecompressSync(new Uint8Array(getRawAsset('contents')))
  let at = 0
  for (const [path, size] of files) {
    const file = join(draft, path)
    fs.mkdirSync(dirname(file), { recursive: true })
    fs.writeFileSync(file, contents.subarray(at, at + size), { mode: 0o600 })
    at += size
  }
  fs.rmSync(folder, { recursive: true, force: true })
  try {
    fs.renameSync(draft, folder)
  } catch (error) {
    // Another process that starts at the same time has unpacked the same files.
    if (!isComplete(folder)) throw error
    fs.rmSync(draft, { recursive: true })
  }
}

function unpacked() {
  try {
    const caches = process.env[variable] || join(homedir(), ...cachesBelowHome)
    const parent = join(caches, 'mezite')
    ensurePrivate(caches)
    ensurePrivate(parent)
    const folder = join(parent, `${program}-${id}`)
    if (!isComplete(folder)) unpack(folder)
    return folder
  } catch (error) {
    return fail(error.message)
  }
}

const folder = unpacked()
// A program starts child processes with Node.js and one of its own files, and this executable is its Node.js.
const isChild = process.argv[2]?.startsWith(folder + sep)
process.argv.splice(1, isChild ? 1 : 0)
if (!isChild) process.argv[1] = join(folder, entry)
import(pathToFileURL(process.argv[1]).href)
