//! What is assumed, each under the name by which it is printed.

/// Something assumed.
#[derive(Debug)]
pub(crate) struct Assumption {
    /// What it is of.
    pub(crate) name: &'static str,
    /// How many or how much.
    pub(crate) value: f64,
}

impl Assumption {
    const fn of(name: &'static str, value: f64) -> Self {
        Self { name, value }
    }
}

pub(crate) static LAYERS: Assumption = Assumption::of(
    "layers of an image, of 20 MB each; beside them a config",
    5.0,
);
pub(crate) static IMAGE: Assumption = Assumption::of("GB of an image", 0.1);
pub(crate) static HTTP_PULL: Assumption = Assumption::of(
    "requests of a client in a pull: token, HEAD by tag, GET by digest, 6 blobs",
    9.0,
);
pub(crate) static FUNCTION_SECONDS: Assumption =
    Assumption::of("seconds of a function for a request without bytes", 0.015);
pub(crate) static FUNCTION_MEMORY: Assumption = Assumption::of("GB of a function", 0.25);
pub(crate) static METADATA: Assumption = Assumption::of(
    "GB of records in DynamoDB for each GB of blobs (4 KB for a blob of 20 MB)",
    0.0002,
);
pub(crate) static TERABYTE: Assumption = Assumption::of("GB of a TB", 1000.0);
pub(crate) static MONTH: Assumption = Assumption::of("hours of a month", 730.0);
pub(crate) static INSTANCES: Assumption = Assumption::of("instances of Berth on Fargate", 2.0);
pub(crate) static INSTANCE_CPU_SMALL: Assumption =
    Assumption::of("vCPU of an instance, small", 0.5);
pub(crate) static INSTANCE_MEMORY_SMALL: Assumption =
    Assumption::of("GB of memory of an instance, small", 1.0);
pub(crate) static INSTANCE_CPU_LARGE: Assumption =
    Assumption::of("vCPU of an instance, large", 2.0);
pub(crate) static INSTANCE_MEMORY_LARGE: Assumption =
    Assumption::of("GB of memory of an instance, large", 4.0);
pub(crate) static CAPACITY_UNITS: Assumption = Assumption::of(
    "capacity units of a load balancer for connections, on average",
    1.0,
);
pub(crate) static CAPACITY_UNIT_GIGABYTES: Assumption =
    Assumption::of("GB that a capacity unit passes on in an hour", 1.0);
pub(crate) static NODES_SMALL: Assumption =
    Assumption::of("nodes of EKS for Harbor, small, t4g.large", 2.0);
pub(crate) static NODES_LARGE: Assumption =
    Assumption::of("nodes of EKS for Harbor, large, m7g.large", 3.0);
pub(crate) static NODE_DISK: Assumption = Assumption::of("GB of disk of a node", 50.0);
pub(crate) static DATABASE_DISK_SMALL: Assumption =
    Assumption::of("GB of Harbor's database, small, one zone", 20.0);
pub(crate) static DATABASE_DISK_LARGE: Assumption = Assumption::of(
    "GB of Harbor's database, large, in each of two zones",
    100.0,
);
pub(crate) static CACHES_SMALL: Assumption = Assumption::of("ElastiCache nodes, small", 1.0);
pub(crate) static CACHES_LARGE: Assumption = Assumption::of("ElastiCache nodes, large", 2.0);
pub(crate) static HARBOR_S3: Assumption = Assumption::of(
    "requests of Harbor to S3 for each of Berth's, storing and serving the same",
    1.0,
);
pub(crate) static POLLS: Assumption = Assumption::of(
    "times a month that an instance looks for jobs, once a second",
    2_628_000.0,
);
pub(crate) static MINUTES: Assumption = Assumption::of(
    "times a month that an instance sweeps and looks for unsent jobs, once a minute",
    43_800.0,
);
pub(crate) static LOOKS_FOR_UPLOADS: Assumption = Assumption::of(
    "times a month that an instance looks for idle uploads, every ten minutes",
    4380.0,
);

/// All of them.
pub(crate) static ALL: [&Assumption; 26] = [
    &LAYERS,
    &IMAGE,
    &HTTP_PULL,
    &FUNCTION_SECONDS,
    &FUNCTION_MEMORY,
    &METADATA,
    &TERABYTE,
    &MONTH,
    &INSTANCES,
    &INSTANCE_CPU_SMALL,
    &INSTANCE_MEMORY_SMALL,
    &INSTANCE_CPU_LARGE,
    &INSTANCE_MEMORY_LARGE,
    &CAPACITY_UNITS,
    &CAPACITY_UNIT_GIGABYTES,
    &NODES_SMALL,
    &NODES_LARGE,
    &NODE_DISK,
    &DATABASE_DISK_SMALL,
    &DATABASE_DISK_LARGE,
    &CACHES_SMALL,
    &CACHES_LARGE,
    &HARBOR_S3,
    &POLLS,
    &MINUTES,
    &LOOKS_FOR_UPLOADS,
];
