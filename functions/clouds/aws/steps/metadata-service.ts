import { DescribeInstancesCommand, ModifyInstanceMetadataOptionsCommand } from '@aws-sdk/client-ec2'
import * as z from 'zod'
import type { MetadataService } from '../../../core/description.ts'
import type { Step } from '../../../core/ports.ts'
import type { Ec2 } from '../ec2.ts'
import { type Instance, MetadataOptions, Reservation } from '../ec2-shapes.ts'
import { codeOf } from '../faults.ts'
import { awsCommand } from './command-line.ts'
import { restorePointOf } from './restore-point.ts'

const id = 'metadata-service'

/** What an instance answers that is being terminated, first and then for good. */
const NOT_THERE = ['IncorrectInstanceState', 'InvalidInstanceID.NotFound']

/**
 * Closes the instance metadata service, so that the instance gets no new credentials of its role. It neither ends the
 * sessions that were given out before nor what containers get from an agent of their own.
 */
export function metadataService(ec2: Ec2): Step {
  /** The options after it, or the code with which an instance answers that is gone. */
  async function set(
    instance: string,
    endpoint: MetadataService['endpoint'],
    signal: AbortSignal,
  ): Promise<MetadataService | string> {
    try {
      // What is not given stays as it is, so that a release changes nothing else that somebody set meanwhile.
      const { InstanceMetadataOptions } = await ec2
        .standard()
        .send(new ModifyInstanceMetadataOptionsCommand({ InstanceId: instance, HttpEndpoint: endpoint }), {
          abortSignal: signal,
        })
      return MetadataOptions.parse(InstanceMetadataOptions)
    } catch (thrown) {
      if (!NOT_THERE.includes(codeOf(thrown))) throw thrown
      return codeOf(thrown)
    }
  }

  /** `undefined` where the instance is gone. */
  async function find(instance: string, signal: AbortSignal): Promise<Instance | undefined> {
    try {
      const { Reservations = [] } = await ec2
        .standard()
        .send(new DescribeInstancesCommand({ InstanceIds: [instance] }), { abortSignal: signal })
      return z
        .array(Reservation)
        .parse(Reservations)
        .flatMap(({ Instances }) => Instances)
        .find(({ State }) => !['shutting-down', 'terminated'].includes(State.Name))
    } catch (thrown) {
      if (codeOf(thrown) !== 'InvalidInstanceID.NotFound') throw thrown
      return undefined
    }
  }

  async function read(instance: string, signal: AbortSignal): Promise<MetadataService | undefined> {
    return (await find(instance, signal))?.MetadataOptions
  }

  return {
    id,
    stage: 'collect',
    permissions: [
      { actions: ['ec2:DescribeInstances'], resources: ['*'] },
      {
        // No tag condition: an instance stays in scope for a day after the intruder took its tag away.
        actions: ['ec2:ModifyInstanceMetadataOptions'],
        resources: ['arn:aws:ec2:*:*:instance/*'],
      },
    ],

    async apply({ incident, signal }) {
      const { metadataService: before } = restorePointOf(incident)
      if (!before)
        return {
          done: [],
          unable: ['How the metadata service stood before is not known, so it is left as it is'],
          facts: {},
        }
      // It was closed already, unless somebody opened it since.
      if (before.endpoint === 'disabled' && (await read(incident.instance, signal))?.endpoint !== 'enabled')
        return { done: [], unable: [], facts: {} }
      const after = await set(incident.instance, 'disabled', signal)
      if (typeof after === 'string')
        return { done: [], unable: [`The metadata service cannot be closed any more (${after})`], facts: {} }
      return {
        done: ['Closed the metadata service: the instance gets no new credentials from it'],
        unable: ['Credentials that it gave out before stay valid until they expire, where nothing else revokes them'],
        facts: {},
      }
    },

    async verify({ incident, signal }) {
      if (!restorePointOf(incident).metadataService) return { holds: true, notes: [] }
      const isOpen = (await read(incident.instance, signal))?.endpoint === 'enabled'
      return { holds: !isOpen, notes: isOpen ? ['The metadata service is open'] : [] }
    },

    async drifted({ incident, signal }) {
      const { metadataService: before } = restorePointOf(incident)
      if (!before) return []
      const resource = incident.instance
      const found = await find(resource, signal)
      if (!found) return [{ resource, left: 'with its metadata service closed', found: 'terminated' }]
      const { MetadataOptions: now } = found
      if (!now) return []
      const isOpened = now.endpoint === 'enabled' && before.endpoint === 'disabled'
      if (!isOpened && now.tokens === before.tokens && now.hopLimit === before.hopLimit) return []
      return [
        {
          resource: `the metadata service of ${resource}`,
          left: optionsText({ ...before, endpoint: 'disabled' }),
          found: optionsText(now),
        },
      ]
    },

    async revert({ incident, signal }) {
      const { metadataService: before } = restorePointOf(incident)
      if (before?.endpoint !== 'enabled') return { done: [], unable: [], facts: {} }
      const after = await set(incident.instance, 'enabled', signal)
      if (typeof after === 'string')
        return { done: [], unable: [`The metadata service cannot be opened again (${after})`], facts: {} }
      return { done: ['Opened the metadata service again'], unable: drift(before, after), facts: {} }
    },

    undo(incident) {
      if (restorePointOf(incident).metadataService?.endpoint !== 'enabled') return []
      const words = ['--instance-id', incident.instance, '--http-endpoint', 'enabled']
      return [awsCommand(incident, 'ec2', 'modify-instance-metadata-options', ...words)]
    },
  }
}

function optionsText({ endpoint, tokens, hopLimit }: MetadataService): string {
  return `${endpoint} with tokens ${tokens} and hop limit ${hopLimit}`
}

function drift(before: MetadataService, after: MetadataService): string[] {
  return [
    ...(after.tokens === before.tokens
      ? []
      : [
          `Tokens of the metadata service were ${before.tokens} and are ${after.tokens} by somebody else, so they stay`,
        ]),
    ...(after.hopLimit === before.hopLimit
      ? []
      : [`Its hop limit was ${before.hopLimit} and is ${after.hopLimit} by somebody else, so it stays`]),
  ]
}
