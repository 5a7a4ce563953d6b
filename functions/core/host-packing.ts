import { callKey, type Host, loadKey } from './host.ts'
import { oneOf, type Packer, sorted, type Unpacker } from './packing.ts'

const PROCESSORS = ['gpu', 'cpu'] as const

export function writeHost({ number, text }: Packer, { calls, loads }: Host): void {
  number(calls.size)
  for (const { tool, command, episode, start, end } of sorted(calls)) {
    for (const value of [tool, command, episode ?? '']) text(value)
    for (const value of [start, end - start, episode === undefined ? 0 : 1]) number(value)
  }
  number(loads.size)
  for (const { of, alarm, busyAt, idleAt } of sorted(loads)) {
    text(alarm)
    for (const value of [PROCESSORS.indexOf(of), busyAt, idleAt]) number(value)
  }
}

export function readHost({ number, text, count }: Unpacker, { calls, loads }: Host): void {
  for (let left = count(); left > 0; left--) {
    const [tool, command, episode, start] = [text(), text(), text(), number()]
    const end = start + number()
    const call = { tool, command, episode: number() === 1 ? episode : undefined, start, end }
    calls.set(callKey(call), call)
  }
  for (let left = count(); left > 0; left--) {
    const load = { alarm: text(), of: oneOf(PROCESSORS, number()), busyAt: number(), idleAt: number() }
    loads.set(loadKey(load), load)
  }
}
