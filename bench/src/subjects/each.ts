import type { RunningSubject } from './subject.js'

/** A process for each of these folders, started one after the other; all have ended when this resolves. */
export async function withEach<Running extends RunningSubject, Result>(
  paths: readonly string[],
  start: (path: string) => Promise<Running>,
  use: (running: readonly Running[]) => Promise<Result>,
): Promise<Result> {
  const running: Running[] = []
  try {
    for (const path of paths) running.push(await start(path))
    return await use(running)
  } finally {
    await Promise.all(running.map((each) => each.stop()))
  }
}
