import { type FileFault, fileError, Killed } from './file-fault.js'

/**
 * Which calls of a file system in memory fail, and how. Counts the calls that change something, and
 * reads, each from 0, so that a fault can be put at any of them.
 */
export class DiskFaults {
  /** Calls that change something, so far. */
  callCount = 0
  readCount = 0
  /** How often a fault took effect. */
  hitCount = 0
  /** From an `ENOSPC` on, until `heal`. */
  isFull = false
  isKilled = false
  readonly #faults = new Map<number, FileFault>()
  readonly #readFaults = new Set<number>()
  readonly #unreadable = new Set<number>()

  failAt(callIndex: number, fault: FileFault): void {
    this.#faults.set(callIndex, fault)
  }

  failRead(readIndex: number): void {
    this.#readFaults.add(readIndex)
  }

  failReadsOf(fileId: number): void {
    this.#unreadable.add(fileId)
  }

  /** Takes back faults that have not hit, makes files readable, and a full disk one with space. A kill is final. */
  heal(): void {
    this.#faults.clear()
    this.#readFaults.clear()
    this.#unreadable.clear()
    this.isFull = false
  }

  /**
   * Counts a change and lets the fault at it take effect; `tear` does half of it.
   * @throws {EIO} @throws {Killed}
   */
  beginChange(syscall: string, path: string, tear?: () => void): void {
    this.refuseWhenKilled()
    const callIndex = this.callCount++
    const fault = this.#faults.get(callIndex)
    if (fault === undefined) return
    this.#faults.delete(callIndex)
    this.hitCount += 1
    switch (fault) {
      case 'ENOSPC':
        this.isFull = true
        return
      case 'EIO':
        throw fileError('EIO', syscall, path)
      case 'torn':
        tear?.()
        this.isKilled = true
        throw new Killed(callIndex)
      case 'kill':
        this.isKilled = true
        throw new Killed(callIndex)
    }
  }

  /** Counts a read. @throws {EIO} */
  countRead(fileId: number, path: string): void {
    const readIndex = this.readCount++
    if (this.#readFaults.delete(readIndex) || this.#unreadable.has(fileId)) {
      this.hitCount += 1
      throw fileError('EIO', 'read', path)
    }
  }

  /** @throws {Killed} */
  refuseWhenKilled(): void {
    if (this.isKilled) throw new Killed(this.callCount)
  }

  /** @throws {ENOSPC} */
  refuseWhenFull(syscall: string, path: string): void {
    if (this.isFull) throw fileError('ENOSPC', syscall, path)
  }
}
