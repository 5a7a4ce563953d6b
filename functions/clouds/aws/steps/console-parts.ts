import { type EC2Client, GetConsoleOutputCommand, GetConsoleScreenshotCommand } from '@aws-sdk/client-ec2'
import { InputError } from '../../../core/errors.ts'
import type { Permission } from '../../../core/ports.ts'
import type { Ec2 } from '../ec2.ts'
import { codeOf } from '../faults.ts'
import type { Part } from './evidence-part.ts'

/** What somebody before the machine would see. Hostile from its first byte to its last: it is kept and never read. */
export function consoleParts(ec2: Ec2): Part[] {
  return [
    {
      name: 'console-output.txt',
      type: 'text/plain',
      async collect({ instance }, signal) {
        const { Output, Timestamp } = await outputOf(ec2.adaptive(), instance, signal)
        if (!Output) throw new InputError('The instance has no console output')
        return {
          bytes: Buffer.from(Output, 'base64'),
          ...(Timestamp ? { told: `as of ${Timestamp.toISOString()}` } : {}),
        }
      },
    },
    {
      name: 'screenshot.jpg',
      type: 'image/jpeg',
      async collect({ instance }, signal) {
        // Without WakeUp, which sends a keystroke to whatever runs there.
        const { ImageData } = await ec2
          .adaptive()
          .send(new GetConsoleScreenshotCommand({ InstanceId: instance }), { abortSignal: signal })
        if (!ImageData) throw new InputError('The instance has no screen')
        return { bytes: Buffer.from(ImageData, 'base64') }
      },
    },
  ]
}

/** The latest output where the instance is built on Nitro; of others EC2 has what it took when they last started or stopped. */
async function outputOf(client: EC2Client, instance: string, abortSignal: AbortSignal) {
  try {
    return await client.send(new GetConsoleOutputCommand({ InstanceId: instance, Latest: true }), { abortSignal })
  } catch (thrown) {
    if (codeOf(thrown) !== 'UnsupportedOperation') throw thrown
    return client.send(new GetConsoleOutputCommand({ InstanceId: instance }), { abortSignal })
  }
}

export const consolePermissions: readonly Permission[] = [
  {
    actions: ['ec2:GetConsoleOutput', 'ec2:GetConsoleScreenshot'],
    resources: ['arn:aws:ec2:*:*:instance/*'],
  },
]
