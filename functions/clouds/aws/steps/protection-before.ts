import type { InstanceAttributeName } from '@aws-sdk/client-ec2'
import type { Protection } from '../../../core/description.ts'
import type { Incident, StepRecord } from '../../../core/incident.ts'
import { readAttribute } from '../describe.ts'
import type { Ec2 } from '../ec2.ts'
import { isThrottle, isUnknownOutcome } from '../faults.ts'
import { SHUTDOWN, STOP, TERMINATION } from './guards.ts'
import { restorePointOf } from './restore-point.ts'

export const PROTECT = 'protect'

const ATTRIBUTES: Readonly<Record<string, { fact: keyof Protection; attribute: InstanceAttributeName }>> = {
  [TERMINATION]: { fact: 'termination', attribute: 'disableApiTermination' },
  [STOP]: { fact: 'stop', attribute: 'disableApiStop' },
  [SHUTDOWN]: { fact: 'shutdown', attribute: 'instanceInitiatedShutdownBehavior' },
}

/** By the restore point; where a cut did not wait for it, by what was read before it was changed. */
export function protectionBefore(incident: Incident): Protection {
  const { termination, stop, shutdown } = incident.steps[PROTECT]?.facts ?? {}
  return {
    ...(typeof termination === 'boolean' ? { termination } : {}),
    ...(typeof stop === 'boolean' ? { stop } : {}),
    ...(shutdown === 'stop' || shutdown === 'terminate' ? { shutdown } : {}),
    ...restorePointOf(incident).protection,
  }
}

/** Whether the guard changes what nobody has written down yet. */
export function isUnknown(name: string, before: Protection): boolean {
  const known = ATTRIBUTES[name]
  return known !== undefined && before[known.fact] === undefined
}

/** As facts of the step; without those that may not be read. Throws where another try may read them. */
export async function readBefore(
  ec2: Ec2,
  instance: string,
  names: readonly string[],
  signal: AbortSignal,
): Promise<StepRecord['facts']> {
  const read = await Promise.all(
    names.map(async name => {
      const known = ATTRIBUTES[name]
      if (!known) return []
      try {
        const value = await readAttribute(ec2.standard(), instance, known.attribute, signal)
        return value === undefined ? [] : [[known.fact, value] as const]
      } catch (thrown) {
        if (isThrottle(thrown) || isUnknownOutcome(thrown)) throw thrown
        return []
      }
    }),
  )
  return Object.fromEntries(read.flat())
}
