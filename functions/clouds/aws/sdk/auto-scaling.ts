/** Imported when first needed, so that the cut's start does not read it (infra/aws/artifacts.ts makes a file of it). */
export {
  AttachInstancesCommand,
  AutoScalingClient,
  DescribeAutoScalingInstancesCommand,
  DescribeInstanceRefreshesCommand,
  DetachInstancesCommand,
  EnterStandbyCommand,
  ExitStandbyCommand,
} from '@aws-sdk/client-auto-scaling'
