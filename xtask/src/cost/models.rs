//! What Berth, ECR and Harbor cost: use cases, and whole months.

use anyhow::Result;

use crate::cost::{
    assumptions::{self as assumed, Assumption},
    bill::{Bill, Kind},
    measured::{Measured, Requests},
    prices::{self, Price},
};

/// A month of somebody's.
#[derive(Debug)]
pub(crate) struct Month {
    /// What it is called.
    pub(crate) name: &'static str,
    /// TB that are stored.
    pub(crate) terabytes: f64,
    /// Images that are pulled.
    pub(crate) pulls: f64,
    /// Images that are pushed.
    pub(crate) pushes: f64,
    /// Images that a cache fetches; they are among the pulls.
    pub(crate) misses: f64,
    instance: Instance,
    cluster: Cluster,
}

/// One instance of Berth.
#[derive(Debug)]
struct Instance {
    cpu: &'static Assumption,
    memory: &'static Assumption,
}

/// What Harbor runs on.
#[derive(Debug)]
struct Cluster {
    nodes: &'static Assumption,
    node: &'static Price,
    database: &'static Price,
    /// In how many zones it keeps its disk.
    zones: f64,
    disk: &'static Assumption,
    caches: &'static Assumption,
    cache: &'static Price,
}

/// The months that are shown.
pub(crate) static MONTHS: [Month; 2] = [
    Month {
        name: "Small",
        terabytes: 0.1,
        pulls: 100_000.0,
        pushes: 2000.0,
        misses: 1000.0,
        instance: Instance {
            cpu: &assumed::INSTANCE_CPU_SMALL,
            memory: &assumed::INSTANCE_MEMORY_SMALL,
        },
        cluster: Cluster {
            nodes: &assumed::NODES_SMALL,
            node: &prices::NODE_SMALL,
            database: &prices::DATABASE_SMALL,
            zones: 1.0,
            disk: &assumed::DATABASE_DISK_SMALL,
            caches: &assumed::CACHES_SMALL,
            cache: &prices::CACHE_SMALL,
        },
    },
    Month {
        name: "Large",
        terabytes: 5.0,
        pulls: 10_000_000.0,
        pushes: 100_000.0,
        misses: 50_000.0,
        instance: Instance {
            cpu: &assumed::INSTANCE_CPU_LARGE,
            memory: &assumed::INSTANCE_MEMORY_LARGE,
        },
        cluster: Cluster {
            nodes: &assumed::NODES_LARGE,
            node: &prices::NODE_FAIR,
            database: &prices::DATABASE_FAIR,
            zones: 2.0,
            disk: &assumed::DATABASE_DISK_LARGE,
            caches: &assumed::CACHES_LARGE,
            cache: &prices::CACHE_FAIR,
        },
    },
];

/// An image's pull by somebody with an account: no instance knows the token's
/// key or, since the last request, the project.
pub(crate) fn pull(measured: &Measured) -> Result<Requests> {
    let blobs = assumed::LAYERS.value + 1.0;
    Ok(measured.case("user_token")?
        + measured.case("head_tag_first")?
        + measured.case("get_digest")?
        + measured.case("get_blob")?.times(blobs))
}

/// An image's push all of whose blobs are new, by the dearer way, with what is
/// to be looked at afterwards.
pub(crate) fn push(measured: &Measured) -> Result<Requests> {
    let layers = assumed::LAYERS.value;
    Ok(measured.case("user_token")?
        + measured.case("blob_absent")?.times(layers + 1.0)
        + measured.case("push_1mb_patch")?
        + measured.case("push_20mb_patch")?.times(layers)
        + measured.case("manifest_new")?
        + looks(measured)?)
}

/// The same where clients are sent to S3 with the layers.
pub(crate) fn push_past(measured: &Measured) -> Result<Requests> {
    let layers = assumed::LAYERS.value;
    let absent = measured.case("blob_absent_redirected")?;
    Ok(measured.case("user_token")?
        + absent.times(layers + 1.0)
        + measured.case("push_1mb")?
        + measured.case("push_20mb_redirected")?.times(layers)
        + measured.case("manifest_new")?
        + looks(measured)?)
}

/// An image's pull that a cache holds nothing of.
pub(crate) fn miss(measured: &Measured) -> Result<Requests> {
    let layers = assumed::LAYERS.value;
    Ok(measured.case("user_token")?
        + measured.case("miss_tag")?
        + measured.case("miss_1mb")?
        + measured.case("miss_20mb")?.times(layers)
        + looks(measured)?)
}

/// An image's deletion, until the last byte has gone.
pub(crate) fn deletion(measured: &Measured) -> Result<Requests> {
    let sweep = measured.case("sweep_deleted")?;
    Ok(measured.case("delete")?
        + measured.case("unlink")?
        + sweep.without(measured.case("sweep_idle")?))
}

/// What the sweeps look at because of a push, beside what they cost anyway.
fn looks(measured: &Measured) -> Result<Requests> {
    let sweep = measured.case("sweep_pushed")?;
    let uploads = measured.case("uploads_pushed")?;
    Ok(sweep.without(measured.case("sweep_idle")?)
        + uploads.without(measured.case("uploads_idle")?))
}

/// What an instance asks for in a month in which nobody asks it anything.
pub(crate) fn idle(measured: &Measured) -> Result<Requests> {
    Ok(measured.case("poll")?.times(assumed::POLLS.value)
        + measured.case("minute")?.times(assumed::MINUTES.value)
        + measured
            .case("ten_minutes")?
            .times(assumed::LOOKS_FOR_UPLOADS.value))
}

/// The requests of a client's pull, were each answered by a function.
pub(crate) fn functions() -> f64 {
    let requests = assumed::HTTP_PULL.value;
    let time = assumed::FUNCTION_SECONDS.value * assumed::FUNCTION_MEMORY.value;
    prices::LAMBDA_REQUEST.of(requests) + prices::LAMBDA_TIME.of(requests * time)
}

/// A month's storage of a TB on S3, with its records if they are on `DynamoDB`.
pub(crate) fn stored(records: bool) -> Bill {
    let gigabytes = assumed::TERABYTE.value;
    let mut bill = Bill::default();
    let s3 = prices::S3_STORAGE.of(gigabytes);
    bill.add("S3", Kind::Storage, s3);
    if records {
        let records = gigabytes * assumed::METADATA.value;
        let dollars = prices::DYNAMODB_STORAGE.of(records);
        bill.add("DynamoDB", Kind::Storage, dollars);
    }
    bill
}

/// The same on ECR.
pub(crate) fn stored_on_ecr() -> Bill {
    let mut bill = Bill::default();
    let dollars = prices::ECR_STORAGE.of(assumed::TERABYTE.value);
    bill.add("ECR", Kind::Storage, dollars);
    bill
}

impl Month {
    /// What all requests of the month come to, without those of idle instances.
    fn requests(&self, measured: &Measured) -> Result<Requests> {
        Ok(pull(measured)?.times(self.pulls - self.misses)
            + push(measured)?.times(self.pushes)
            + miss(measured)?.times(self.misses))
    }

    /// On Fargate, behind a load balancer.
    pub(crate) fn berth(&self, measured: &Measured) -> Result<Bill> {
        let instances = assumed::INSTANCES.value;
        let requests = self.requests(measured)? + idle(measured)?.times(instances);
        let mut bill = requests.bill();
        let hours = assumed::MONTH.value * instances;
        let fargate = prices::FARGATE_CPU.of(self.instance.cpu.value)
            + prices::FARGATE_MEMORY.of(self.instance.memory.value);
        bill.add("Fargate", Kind::Compute, fargate * hours);
        self.load_balancer(&mut bill);
        bill.add_all(&stored(true), self.terabytes);
        self.transfer(&mut bill);
        Ok(bill)
    }

    /// On ECR, which asks for nothing but storage and transfer.
    pub(crate) fn ecr(&self) -> Bill {
        let mut bill = Bill::default();
        bill.add_all(&stored_on_ecr(), self.terabytes);
        bill
    }

    /// On a cluster of its own, with managed database and cache, over S3.
    pub(crate) fn harbor(&self, measured: &Measured) -> Result<Bill> {
        let (cluster, hours) = (&self.cluster, assumed::MONTH.value);
        let mut bill = Bill::default();
        let requests = self.requests(measured)?.bill();
        let s3 = requests.of_service("S3") * assumed::HARBOR_S3.value;
        bill.add("S3", Kind::Requests, s3);
        let nodes = cluster.nodes.value;
        bill.add("EKS", Kind::Compute, prices::EKS.of(hours));
        bill.add("EC2", Kind::Compute, cluster.node.of(hours) * nodes);
        bill.add("RDS", Kind::Compute, cluster.database.of(hours));
        let caches = cluster.cache.of(hours) * cluster.caches.value;
        bill.add("ElastiCache", Kind::Compute, caches);
        self.load_balancer(&mut bill);
        let disks = prices::DISK.of(assumed::NODE_DISK.value) * nodes;
        bill.add("EC2", Kind::Storage, disks);
        let disk = prices::DATABASE_DISK.of(cluster.disk.value) * cluster.zones;
        bill.add("RDS", Kind::Storage, disk);
        bill.add_all(&stored(false), self.terabytes);
        self.transfer(&mut bill);
        Ok(bill)
    }

    /// GB that clients read.
    pub(crate) fn read(&self) -> f64 {
        self.pulls * assumed::IMAGE.value
    }

    /// Bytes from the store to clients in the region.
    fn transfer(&self, bill: &mut Bill) {
        let dollars = prices::TRANSFER_REGION.of(self.read());
        bill.add("S3", Kind::Transfer, dollars);
    }

    /// Before what runs: it passes on what is pushed and what a cache fetches.
    fn load_balancer(&self, bill: &mut Bill) {
        let hours = assumed::MONTH.value;
        let connections = prices::LOAD_BALANCER_UNIT.of(hours * assumed::CAPACITY_UNITS.value);
        let dollars = prices::LOAD_BALANCER.of(hours) + connections;
        bill.add("load balancer", Kind::Compute, dollars);
        let bytes = passed_on(self.pushes + self.misses);
        bill.add("load balancer", Kind::Transfer, bytes);
    }
}

/// What it costs that so many images go through a load balancer.
pub(crate) fn passed_on(images: f64) -> f64 {
    let gigabytes = images * assumed::IMAGE.value;
    prices::LOAD_BALANCER_UNIT.of(gigabytes / assumed::CAPACITY_UNIT_GIGABYTES.value)
}
