import type { Window } from './traffic.ts'

/**
 * The flow-log windows of one interface by the minute in which they began. Records of one window begin and end with their
 * own first and last packets, so an entry spans from the first to the last of them: it lies after a cut only if all do.
 */
export interface FlowWindow {
  start: number
  end: number
  status: Window['status']
  acceptedBytes: number
}

/** By interface, then by minute. */
export type FlowWindows = Map<string, Map<number, FlowWindow>>

/** Three hours at a window a minute; with more interfaces each has less. */
const MAX_WINDOWS = 180
const MAX_IN_ALL = 720

/** Loss outweighs all; anything seen outweighs NODATA, which another record of the minute contradicts. */
const RANK = { nodata: 0, ok: 1, skipped: 2 } as const

export function addWindow(windows: FlowWindows, networkInterface: string, window: FlowWindow): void {
  let minutes = windows.get(networkInterface)
  if (!minutes) {
    minutes = new Map()
    windows.set(networkInterface, minutes)
  }
  const minute = Math.floor(window.start / 60)
  const one = minutes.get(minute)
  if (!one) {
    minutes.set(minute, { ...window })
    return
  }
  if (window.start < one.start) one.start = window.start
  if (window.end > one.end) one.end = window.end
  if (RANK[window.status] > RANK[one.status]) one.status = window.status
  one.acceptedBytes += window.acceptedBytes
}

export function tidyWindows(windows: FlowWindows): void {
  const each = Math.min(MAX_WINDOWS, Math.floor(MAX_IN_ALL / Math.max(1, windows.size)))
  for (const minutes of windows.values()) {
    if (minutes.size <= each) continue
    for (const minute of [...minutes.keys()].toSorted((a, b) => a - b).slice(0, minutes.size - each))
      minutes.delete(minute)
  }
}

export function windowList(windows: FlowWindows): Window[] {
  return [...windows]
    .flatMap(([id, minutes]) => [...minutes.values()].map(one => ({ interface: id, ...one })))
    .toSorted((a, b) => a.start - b.start || (a.interface < b.interface ? -1 : 1))
}
