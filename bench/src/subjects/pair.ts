import { randomBytes } from 'node:crypto'
import type { RunningSubject, Subject } from './subject.js'

/** Two of a make on a network of their own, each a process of its own; both have ended when this resolves. */
export async function withPair<Result>(
  subject: Subject,
  paths: { readonly sender: string; readonly receiver: string },
  use: (sender: RunningSubject, receiver: RunningSubject) => Promise<Result>,
): Promise<Result> {
  const options = { networkKey: randomBytes(32).toString('base64') }
  const sender = await subject.start(paths.sender, options)
  try {
    const receiver = await subject.start(paths.receiver, options)
    try {
      return await use(sender, receiver)
    } finally {
      await receiver.stop()
    }
  } finally {
    await sender.stop()
  }
}
