/** Shows how far a long work is. */
export interface Progress {
  /** `done` of `total`, in whatever unit, and a word on it. */
  update(done: number, total: number, note: string): void
  /** Takes the bar away, so that results stand alone. */
  end(): void
}

const SILENT: Progress = { update() {}, end() {} }

/** A bar on the standard error stream where a person sees it; nothing anywhere else. */
export async function createProgress(
  label: string,
  stream: NodeJS.WriteStream = process.stderr,
): Promise<Progress> {
  if (stream.isTTY !== true) return SILENT
  const { SingleBar, Presets } = await import('cli-progress')
  const bar = new SingleBar(
    {
      format: `${label} {bar} {percentage}%  {note}`,
      hideCursor: true,
      clearOnComplete: true,
      stream,
    },
    Presets.shades_classic,
  )
  let isStarted = false
  return {
    update(done, total, note) {
      const shown = Math.min(done, total)
      if (isStarted) {
        bar.setTotal(total)
        bar.update(shown, { note })
      } else {
        isStarted = true
        bar.start(total, shown, { note })
      }
    },
    end() {
      if (isStarted) bar.stop()
    },
  }
}
