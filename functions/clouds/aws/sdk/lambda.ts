/** Imported when first needed, so that the cut's start does not read it (infra/aws/artifacts.ts makes a file of it). */
export { InvokeCommand, LambdaClient } from '@aws-sdk/client-lambda'
