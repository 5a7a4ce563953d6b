/**
 * USD, on demand, us-east-1. Looked up 2026-11: cloudchipr.com/blog/aws-lambda-pricing has Lambda's (the first 7.5 billion
 * GB-seconds a month on arm64, and requests), airbyte.com/data-engineering-resources/dynamodb-pricing DynamoDB's after the cut
 * of November 2024. AWS's own pages, aws.amazon.com/lambda/pricing and aws.amazon.com/dynamodb/pricing/on-demand, have the last word.
 */
export const PRICES = {
  gigabyteSecond: 0.000_013_333_4,
  millionRequests: 0.2,
  millionWriteUnits: 0.625,
  of: 'arm64, us-east-1, 2026-11',
} as const

/** A write unit is a kilobyte of the item (DynamoDB Developer Guide, "Read/write capacity mode"). */
export const UNIT_BYTES = 1024
/** With so much memory a function has one processor (Lambda Developer Guide, "Configure Lambda function memory"). */
export const LAMBDA_MEGABYTES = 1769
/** One answer of DynamoDB, which promises a single-digit number of milliseconds. */
export const ANSWER_SECONDS = 0.005
