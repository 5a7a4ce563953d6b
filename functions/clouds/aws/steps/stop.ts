import {
  DescribeInstancesCommand,
  ModifyInstanceAttributeCommand,
  StartInstancesCommand,
  StopInstancesCommand,
} from '@aws-sdk/client-ec2'
import type { Incident } from '../../../core/incident.ts'
import type { Step } from '../../../core/ports.ts'
import type { Ec2 } from '../ec2.ts'
import { codeOf } from '../faults.ts'
import { awsCommand } from './command-line.ts'
import { coverText } from './cover.ts'
import { ISOLATE_SUBNET, isCutOff, type SubnetSettings } from './isolate-subnet.ts'
import { restorePointOf } from './restore-point.ts'
import { type AddressSettings, beyondAddress } from './undenied.ts'

const id = 'stop'

/** What an instance answers that was terminated, first and then for good. */
const NOT_THERE = ['IncorrectInstanceState', 'InvalidInstanceID.NotFound']

const GONE = ['shutting-down', 'terminated']

export interface StopSettings extends AddressSettings, SubnetSettings {
  /** Stop an instance whose conversations nothing else can end. Its memory and instance-store disks are lost. */
  readonly stopWhenNeeded: boolean
}

export function isStopNeeded(incident: Incident, settings: StopSettings): boolean {
  return settings.stopWhenNeeded && whatPasses(incident, settings).length > 0
}

/** Peers that neither ACL nor address can end, and what passed all the same when the deadline was over. */
function whatPasses(incident: Incident, settings: StopSettings): string[] {
  // The last resort waits until it is known whether the milder one has ended everything.
  const { status = 'intended' } = incident.steps[ISOLATE_SUBNET] ?? {}
  const isMild = settings.isolateSubnet && (status === 'intended' || isCutOff(incident))
  const beyond = isMild ? [] : beyondAddress(incident, settings).map(peer => `to ${peer}`)
  return [...beyond, ...(incident.escalated ? ['after the deadline'] : [])]
}

/** Stops the instance, where that is configured and something passes that neither ACL nor address can end. */
export function stop(ec2: Ec2, settings: StopSettings): Step {
  async function lift(instance: string, signal: AbortSignal): Promise<void> {
    try {
      await ec2
        .standard()
        .send(new ModifyInstanceAttributeCommand({ InstanceId: instance, DisableApiStop: { Value: false } }), {
          abortSignal: signal,
        })
    } catch (thrown) {
      // A Spot instance knows no stop protection.
      if (codeOf(thrown) !== 'UnsupportedOperation') throw thrown
    }
  }

  async function halt(instance: string, signal: AbortSignal): Promise<void> {
    await ec2
      .standard()
      // What runs at shutdown inside the instance is the intruder's: it is skipped.
      .send(new StopInstancesCommand({ InstanceIds: [instance], SkipOsShutdown: true }), { abortSignal: signal })
  }

  async function stateOf(instance: string, signal: AbortSignal): Promise<string> {
    try {
      const { Reservations = [] } = await ec2
        .standard()
        .send(new DescribeInstancesCommand({ InstanceIds: [instance] }), { abortSignal: signal })
      return Reservations[0]?.Instances?.[0]?.State?.Name ?? 'unknown'
    } catch (thrown) {
      if (codeOf(thrown) !== 'InvalidInstanceID.NotFound') throw thrown
      return 'terminated'
    }
  }

  return {
    id,
    stage: 'contain',
    permissions: [
      { actions: ['ec2:DescribeInstances'], resources: ['*'] },
      {
        // No tag condition: an instance stays in scope for a day after the intruder took its tag away. What was stopped is
        // started again, even if nothing is to be stopped any more.
        actions: [
          ...(settings.stopWhenNeeded ? ['ec2:StopInstances', 'ec2:ModifyInstanceAttribute'] : []),
          'ec2:StartInstances',
        ],
        resources: ['arn:aws:ec2:*:*:instance/*'],
      },
    ],

    covers: incident => (isStopNeeded(incident, settings) ? coverText(whatPasses(incident, settings)) : ''),

    async apply({ incident, signal }) {
      if (!isStopNeeded(incident, settings)) return { done: [], unable: [], facts: {} }
      const { instance } = incident
      try {
        await lift(instance, signal)
        await halt(instance, signal)
      } catch (thrown) {
        const code = codeOf(thrown)
        if (code === 'UnsupportedOperation' || NOT_THERE.includes(code))
          return { done: [], unable: [`The instance cannot be stopped (${code})`], facts: {} }
        if (code !== 'OperationNotPermitted') throw thrown
        // Somebody protected it again in between.
        await lift(instance, signal)
        await halt(instance, signal)
      }
      return {
        done: [
          `Stopped the instance, since nothing else ends what passes ${whatPasses(incident, settings).join(', ')}`,
        ],
        unable: ['Memory and instance-store disks do not survive a stop'],
        facts: { stopped: true },
      }
    },

    async verify({ incident, signal }) {
      if (incident.steps[id]?.facts['stopped'] !== true) return { holds: true, notes: [] }
      const state = await stateOf(incident.instance, signal)
      const holds = ['stopping', 'stopped', ...GONE].includes(state)
      return { holds, notes: holds ? [] : [`The instance is ${state}`] }
    },

    async drifted({ incident, signal }) {
      if (incident.steps[id]?.facts['stopped'] !== true) return []
      const state = await stateOf(incident.instance, signal)
      // One that somebody started runs as it did before; one that was stopped before runs by somebody's hand alone.
      const isLeft = ['stopping', 'stopped'].includes(state)
      if (isLeft || (wasRunning(incident) && !GONE.includes(state))) return []
      return [{ resource: incident.instance, left: 'stopped', found: state }]
    },

    async revert({ incident, signal }) {
      if (incident.steps[id]?.facts['stopped'] !== true) return { done: [], unable: [], facts: {} }
      if (!wasRunning(incident)) {
        const { state } = restorePointOf(incident)
        return { done: [], unable: [`The instance was ${state} before, so it is not started`], facts: {} }
      }
      try {
        await ec2
          .standard()
          .send(new StartInstancesCommand({ InstanceIds: [incident.instance] }), { abortSignal: signal })
      } catch (thrown) {
        const code = codeOf(thrown)
        // While it is still stopping it refuses with the same code as once it is terminated.
        if (!NOT_THERE.includes(code) || (await stateOf(incident.instance, signal)) === 'stopping') throw thrown
        return { done: [], unable: [`The instance cannot be started (${code})`], facts: {} }
      }
      return { done: ['Started the instance'], unable: [], facts: {} }
    },

    undo(incident) {
      if (incident.steps[id]?.facts['stopped'] !== true || !wasRunning(incident)) return []
      return [awsCommand(incident, 'ec2', 'start-instances', '--instance-ids', incident.instance)]
    },
  }
}

function wasRunning(incident: Incident): boolean {
  return ['running', 'pending'].includes(restorePointOf(incident).state)
}
