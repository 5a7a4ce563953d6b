const SIGNALS = ['SIGINT', 'SIGTERM'] as const

/** Fires when the process is told to stop, for the first time. */
export function untilSignal() {
  const stop = new AbortController()
  const stopped = () => stop.abort()
  for (const signal of SIGNALS) process.once(signal, stopped)
  return {
    signal: stop.signal,
    off() {
      for (const signal of SIGNALS) process.off(signal, stopped)
    },
  }
}
