// Loaded by each process of tests before its file. The runner has it exit as soon as its tests have ended, and what it has
// told by then may be in no pipe yet, where whoever reads that is late: results of whole files were lost on a busy machine.
// A write that waits until it is written leaves nothing behind.
const { _handle: output } = process.stdout as { _handle?: { setBlocking?(on: boolean): void } }
output?.setBlocking?.(true)
