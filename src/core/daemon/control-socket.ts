/**
 * How a command talks to a daemon of this machine: one request and one answer, each a line of JSON, over a Unix socket that only the
 * daemon's own user may open.
 *
 * Why: docs/why/daemons-and-operators.md
 */
import { rmSync } from 'node:fs'
import { connect, createServer, type Socket } from 'node:net'
import { type DescribedError, describeError, errorOf } from '../platform/errors.ts'

/** Of a line, in bytes. */
const lineLimit = 65_536
const idleMs = 10_000
/** The kernel's limit of a socket's path is 108 bytes on Linux and 104 on macOS, the closing zero included. */
const pathLimit = 103

type Answer = { readonly ok: true; readonly result: unknown } | { readonly ok: false; readonly error: DescribedError }

export type ControlServer = { close(): Promise<void> }

/**
 * Listens, in place of a socket that a process left behind; to be called by who holds the folder's lock.
 * @throws as `node:net` does; a path that is too long is an error of its own there
 */
export async function serveControl(
  path: string,
  answer: (request: unknown) => Promise<unknown> | unknown,
): Promise<ControlServer> {
  if (Buffer.byteLength(path) > pathLimit) throw new Error(`the path ${path} is longer than ${pathLimit} bytes`)
  rmSync(path, { force: true })
  const open = new Set<Socket>()
  const server = createServer(socket => {
    open.add(socket)
    socket.on('close', () => open.delete(socket))
    readLine(socket)
      .then(async line => {
        const reply = await answered(line, answer)
        socket.end(`${JSON.stringify(reply)}\n`)
      })
      .catch(() => socket.destroy())
  })
  // Later errors are of connections that could not be accepted, as where no descriptor is left: who asked hears nothing, and asks again.
  const listening = new Promise<void>((resolve, reject) => server.once('listening', resolve).on('error', reject))
  // The socket is made within this call, with these rights: there is no moment at which others could open it.
  const before = process.umask(0o177)
  server.listen(path)
  process.umask(before)
  await listening
  return {
    close: () =>
      new Promise(resolve => {
        server.close(() => resolve())
        for (const socket of open) socket.destroy()
      }),
  }
}

async function answered(line: string, answer: (request: unknown) => unknown): Promise<Answer> {
  try {
    return { ok: true, result: await answer(JSON.parse(line)) }
  } catch (error) {
    return { ok: false, error: describeError(error) }
  }
}

/** The daemon's answer. @throws its coded error, or that of the connection (`code` ENOENT, ECONNREFUSED, EACCES) */
export async function askControl(path: string, request: unknown): Promise<unknown> {
  const socket = connect(path)
  try {
    await new Promise<void>((resolve, reject) => socket.once('connect', resolve).once('error', reject))
    socket.write(`${JSON.stringify(request)}\n`)
    const answer = JSON.parse(await readLine(socket)) as Answer
    if (answer.ok) return answer.result
    throw errorOf(answer.error)
  } finally {
    socket.destroy()
  }
}

function readLine(socket: Socket): Promise<string> {
  return new Promise((resolve, reject) => {
    const parts: Buffer[] = []
    let length = 0
    socket.setTimeout(idleMs, () => reject(new Error('nothing came in time')))
    socket.on('data', part => {
      parts.push(part as Buffer)
      length += part.length
      const end = part.indexOf('\n')
      if (end >= 0) resolve(Buffer.concat(parts).toString('utf8').split('\n')[0]!)
      else if (length > lineLimit) reject(new Error('the line is too long'))
    })
    socket.on('error', reject)
    socket.on('close', () => reject(new Error('the connection was closed')))
  })
}
