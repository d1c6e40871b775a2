//! What AWS asks for, in us-east-1, on demand, without free tiers.

/// One price.
#[derive(Debug)]
pub(crate) struct Price {
    /// What it is for.
    pub(crate) name: &'static str,
    /// What is counted.
    pub(crate) unit: &'static str,
    /// Dollars for so many units.
    pub(crate) dollars: f64,
    /// How many units these are for.
    pub(crate) per: f64,
    /// Where it is from.
    pub(crate) source: Source,
    /// When that was so: year and month.
    pub(crate) known: &'static str,
}

/// How far a price can be relied on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Source {
    /// From the project's notes on AWS, which ask to be checked.
    Noted,
    /// Believed to be about this; nobody looked it up for the project.
    Assumed,
}

impl Price {
    const fn noted(name: &'static str, unit: &'static str, dollars: f64, per: f64) -> Self {
        Self {
            name,
            unit,
            dollars,
            per,
            source: Source::Noted,
            known: "2026-11",
        }
    }

    const fn assumed(name: &'static str, unit: &'static str, dollars: f64) -> Self {
        Self {
            name,
            unit,
            dollars,
            per: 1.0,
            source: Source::Assumed,
            known: "2026-11",
        }
    }

    /// Dollars for a quantity.
    pub(crate) fn of(&self, quantity: f64) -> f64 {
        quantity * self.dollars / self.per
    }
}

const MILLION: f64 = 1_000_000.0;
const THOUSAND: f64 = 1_000.0;

pub(crate) static DYNAMODB_READ: Price =
    Price::noted("DynamoDB on demand, reads", "read unit", 0.125, MILLION);
pub(crate) static DYNAMODB_WRITE: Price =
    Price::noted("DynamoDB on demand, writes", "write unit", 0.625, MILLION);
pub(crate) static DYNAMODB_STORAGE: Price = Price::noted("DynamoDB storage", "GB-month", 0.25, 1.0);
pub(crate) static S3_WRITE: Price =
    Price::noted("S3 PUT, COPY, POST, LIST", "request", 0.005, THOUSAND);
pub(crate) static S3_READ: Price = Price::noted("S3 GET", "request", 0.0004, THOUSAND);
pub(crate) static S3_DELETE: Price = Price::assumed("S3 DELETE, also of many", "request", 0.0);
pub(crate) static S3_STORAGE: Price = Price::noted("S3 standard storage", "GB-month", 0.023, 1.0);
pub(crate) static SQS: Price = Price::noted("SQS standard", "request", 0.40, MILLION);
pub(crate) static LAMBDA_REQUEST: Price = Price::noted("Lambda", "request", 0.20, MILLION);
pub(crate) static LAMBDA_TIME: Price =
    Price::noted("Lambda arm64", "GB-second", 0.000_013_333_4, 1.0);
pub(crate) static TRANSFER_REGION: Price =
    Price::noted("transfer from S3 within the region", "GB", 0.0, 1.0);
pub(crate) static TRANSFER_INTERNET: Price =
    Price::noted("transfer to the internet", "GB", 0.09, 1.0);
pub(crate) static TRANSFER_CLOUDFRONT: Price = Price::noted(
    "transfer to the internet through CloudFront, first 10 TB",
    "GB",
    0.085,
    1.0,
);
pub(crate) static FARGATE_CPU: Price =
    Price::assumed("Fargate arm64, processor", "vCPU-hour", 0.032_38);
pub(crate) static FARGATE_MEMORY: Price =
    Price::assumed("Fargate arm64, memory", "GB-hour", 0.003_56);
pub(crate) static LOAD_BALANCER: Price =
    Price::assumed("application load balancer", "hour", 0.0225);
pub(crate) static LOAD_BALANCER_UNIT: Price =
    Price::assumed("its capacity units", "LCU-hour", 0.008);
pub(crate) static ECR_STORAGE: Price = Price::assumed("ECR storage", "GB-month", 0.10);
pub(crate) static EKS: Price = Price::assumed("EKS cluster", "hour", 0.10);
pub(crate) static NODE_SMALL: Price = Price::assumed("EC2 t4g.large", "hour", 0.0672);
pub(crate) static NODE_FAIR: Price = Price::assumed("EC2 m7g.large", "hour", 0.0816);
pub(crate) static DISK: Price = Price::assumed("EBS gp3", "GB-month", 0.08);
pub(crate) static DATABASE_SMALL: Price =
    Price::assumed("RDS PostgreSQL db.t4g.small", "hour", 0.032);
pub(crate) static DATABASE_FAIR: Price =
    Price::assumed("RDS PostgreSQL db.m7g.large in two zones", "hour", 0.337);
pub(crate) static DATABASE_DISK: Price = Price::assumed("RDS gp3, one zone", "GB-month", 0.115);
pub(crate) static CACHE_SMALL: Price = Price::assumed("ElastiCache cache.t4g.micro", "hour", 0.016);
pub(crate) static CACHE_FAIR: Price = Price::assumed("ElastiCache cache.t4g.small", "hour", 0.032);

/// All of them.
pub(crate) static ALL: [&Price; 27] = [
    &DYNAMODB_READ,
    &DYNAMODB_WRITE,
    &DYNAMODB_STORAGE,
    &S3_WRITE,
    &S3_READ,
    &S3_DELETE,
    &S3_STORAGE,
    &SQS,
    &LAMBDA_REQUEST,
    &LAMBDA_TIME,
    &TRANSFER_REGION,
    &TRANSFER_INTERNET,
    &TRANSFER_CLOUDFRONT,
    &FARGATE_CPU,
    &FARGATE_MEMORY,
    &LOAD_BALANCER,
    &LOAD_BALANCER_UNIT,
    &ECR_STORAGE,
    &EKS,
    &NODE_SMALL,
    &NODE_FAIR,
    &DISK,
    &DATABASE_SMALL,
    &DATABASE_FAIR,
    &DATABASE_DISK,
    &CACHE_SMALL,
    &CACHE_FAIR,
];
