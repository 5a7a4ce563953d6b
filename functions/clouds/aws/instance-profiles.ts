import {
  AssociateIamInstanceProfileCommand,
  DescribeIamInstanceProfileAssociationsCommand,
  DisassociateIamInstanceProfileCommand,
} from '@aws-sdk/client-ec2'
import * as z from 'zod'
import type { Ec2 } from './ec2.ts'
import { codeOf } from './faults.ts'

const Association = z.object({
  AssociationId: z.string(),
  State: z.string().default(''),
  IamInstanceProfile: z.object({ Arn: z.string() }),
})

export interface HeldProfile {
  readonly association: string
  readonly arn: string
}

export type InstanceProfiles = ReturnType<typeof instanceProfiles>

/** An instance or a profile that is gone takes nothing back. */
const NOT_TO_GIVE = [
  'IncorrectInstanceState',
  'InvalidInstanceID.NotFound',
  'InvalidParameterValue',
  'InvalidIamInstanceProfileArn.Malformed',
]

/** Which instance profile an instance has. Changing it asks for iam:PassRole, so only the function `revoke` does. */
export function instanceProfiles(ec2: Ec2) {
  return {
    async read(instance: string, signal: AbortSignal): Promise<HeldProfile | undefined> {
      const { IamInstanceProfileAssociations = [] } = await ec2.standard().send(
        new DescribeIamInstanceProfileAssociationsCommand({
          Filters: [{ Name: 'instance-id', Values: [instance] }],
        }),
        { abortSignal: signal },
      )
      const held = z
        .array(Association)
        .parse(IamInstanceProfileAssociations)
        .find(({ State }) => State === 'associated' || State === 'associating')
      return held && { association: held.AssociationId, arn: held.IamInstanceProfile.Arn }
    },

    async take({ association }: HeldProfile, signal: AbortSignal): Promise<void> {
      try {
        await ec2
          .standard()
          .send(new DisassociateIamInstanceProfileCommand({ AssociationId: association }), { abortSignal: signal })
      } catch (thrown) {
        // An earlier try did it and its answer got lost.
        if (codeOf(thrown) !== 'InvalidAssociationID.NotFound') throw thrown
      }
    },

    /** Returns why the profile cannot be given back, where it never can. */
    async give(instance: string, arn: string, signal: AbortSignal): Promise<string | undefined> {
      try {
        await ec2
          .standard()
          .send(new AssociateIamInstanceProfileCommand({ InstanceId: instance, IamInstanceProfile: { Arn: arn } }), {
            abortSignal: signal,
          })
        return undefined
      } catch (thrown) {
        const code = codeOf(thrown)
        if (!NOT_TO_GIVE.includes(code)) throw thrown
        return code
      }
    },
  }
}
