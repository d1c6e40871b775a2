//! The keys of the one table, record by record, as `docs/data-model.md` lists
//! them.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;
use berth_domain::{
    Edge, FreshId, JobId, LeaseName, LinkId, ProjectId, ProjectName, RegistryId, RunId, RunKind,
    Sequence, UploadId, UserId, UserName,
};
use berth_oci::{Digest, RepositoryName, TagName};
use jiff::Timestamp;

use super::item::nanoseconds;

/// The attribute that holds the partition key.
pub(super) const PARTITION: &str = "pk";
/// The attribute that holds the sort key.
pub(super) const SORT: &str = "sk";

/// The sort key of a record that is the main one of its partition.
const MAIN: &str = "A";

/// Into how many partitions each queue is spread.
pub(super) const SHARDS: u8 = 16;

/// Where a record is.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Key {
    /// The partition.
    pub(super) partition: String,
    /// The place in the partition.
    pub(super) sort: String,
}

impl Key {
    /// The key of these two texts.
    pub(super) fn new(partition: impl Into<String>, sort: impl Into<String>) -> Self {
        Self {
            partition: partition.into(),
            sort: sort.into(),
        }
    }

    /// The main record of a partition.
    fn main(partition: String) -> Self {
        Self::new(partition, MAIN)
    }

    /// The key as the two attributes of an item.
    pub(super) fn attributes(&self) -> HashMap<String, AttributeValue> {
        let text = |text: &String| AttributeValue::S(text.clone());
        HashMap::from([
            (PARTITION.to_owned(), text(&self.partition)),
            (SORT.to_owned(), text(&self.sort)),
        ])
    }
}

/// A number as text that sorts as the number does: 20 digits.
pub(super) fn number(number: i64) -> String {
    let from_smallest = number.cast_unsigned() ^ (1 << 63);
    format!("{from_smallest:020}")
}

/// A time as text that sorts as the time does.
pub(super) fn time(time: Timestamp) -> String {
    number(nanoseconds(time))
}

/// `ID#kind`
pub(super) fn sequence(sequence: Sequence) -> Key {
    Key::main(format!("ID#{}", sequence.as_str()))
}

/// The partition of a project and its repositories.
pub(super) fn project_partition(project: &str) -> String {
    format!("P#{project}")
}

/// `P#project`
pub(super) fn project(name: &ProjectName) -> Key {
    Key::main(project_partition(name.as_str()))
}

/// `PI#id`
pub(super) fn project_number(id: ProjectId) -> Key {
    Key::main(format!("PI#{id}"))
}

/// The partition that lists all projects.
pub(super) const PROJECTS: &str = "PROJ";

/// `PROJ` / name
pub(super) fn listed_project(name: &ProjectName) -> Key {
    Key::new(PROJECTS, name.as_str())
}

/// The partition of a check of what the store does.
pub(super) fn check_partition(id: FreshId) -> String {
    format!("CHECK#{:032x}", id.0)
}

/// `CHECK#id` / name
pub(super) fn check(id: FreshId, name: &str) -> Key {
    Key::new(check_partition(id), name)
}

/// What the sort keys of a project's repositories begin with.
pub(super) const REPOSITORY: &str = "R#";

/// `P#project` / `R#rest`. A name of one part is in no project and never
/// stored.
pub(super) fn repository(name: &RepositoryName) -> Key {
    let (project, rest) = name.split_project();
    let rest = rest.unwrap_or_default();
    Key::new(project_partition(project), format!("{REPOSITORY}{rest}"))
}

/// The partition of a project's members.
pub(super) fn members(project: ProjectId) -> String {
    format!("PM#{project}")
}

/// `PM#project id` / user id
pub(super) fn member(project: ProjectId, user: UserId) -> Key {
    Key::new(members(project), number(user.0))
}

/// The partition of a user's memberships.
pub(super) fn memberships(user: UserId) -> String {
    format!("UM#{user}")
}

/// `UM#user id` / project id
pub(super) fn membership(user: UserId, project: ProjectId) -> Key {
    Key::new(memberships(user), number(project.0))
}

/// The partition of all registry endpoints.
pub(super) const REGISTRIES: &str = "REG";
/// What the sort keys of their records begin with.
pub(super) const REGISTRY: &str = "A#";

/// `REG` / `A#id`
pub(super) fn registry(id: RegistryId) -> Key {
    Key::new(REGISTRIES, format!("{REGISTRY}{}", number(id.0)))
}

/// `REG` / `N#name`
pub(super) fn registry_name(name: &str) -> Key {
    Key::new(REGISTRIES, format!("N#{name}"))
}

/// `UN#name`
pub(super) fn user(name: &UserName) -> Key {
    Key::main(format!("UN#{name}"))
}

/// `UI#id`
pub(super) fn user_number(id: UserId) -> Key {
    Key::main(format!("UI#{id}"))
}

/// `UE#address`
pub(super) fn user_email(email: &str) -> Key {
    Key::main(format!("UE#{email}"))
}

/// The partition that lists all users.
pub(super) const USERS: &str = "USERS";

/// `USERS` / id
pub(super) fn listed_user(id: UserId) -> Key {
    Key::new(USERS, number(id.0))
}

/// `KEYS`
pub(super) fn signing_keys() -> Key {
    Key::main("KEYS".to_owned())
}

/// `SEAL`
pub(super) fn sealing_key() -> Key {
    Key::main("SEAL".to_owned())
}

/// The partition of a kind's runs and its schedule.
pub(super) fn runs(kind: RunKind) -> String {
    format!("RUN#{}", kind.as_str())
}

/// `RUN#kind` / id
pub(super) fn run(kind: RunKind, id: RunId) -> Key {
    Key::new(runs(kind), number(id.0))
}

/// `RUN#kind` / `SCHEDULE`
pub(super) fn schedule(kind: RunKind) -> Key {
    Key::new(runs(kind), "SCHEDULE")
}

/// The partition of a repository's tags.
pub(super) fn tags(repository: &RepositoryName) -> String {
    format!("T#{repository}")
}

/// `T#repo` / tag
pub(super) fn tag(repository: &RepositoryName, tag: &TagName) -> Key {
    Key::new(tags(repository), tag.as_str())
}

/// The partition of a manifest: its record, parents, tags and referrers, which
/// may be there before the record is.
pub(super) fn manifest_partition(repository: &RepositoryName, digest: Digest) -> String {
    format!("M#{repository}@{digest}")
}

/// `M#repo@digest`
pub(super) fn manifest(repository: &RepositoryName, digest: Digest) -> Key {
    Key::main(manifest_partition(repository, digest))
}

/// The partition that lists a repository's manifests, whatever their state.
pub(super) fn manifests(repository: &RepositoryName) -> String {
    format!("N#{repository}")
}

/// `N#repo` / digest
pub(super) fn listed_manifest(repository: &RepositoryName, digest: Digest) -> Key {
    Key::new(manifests(repository), digest.to_string())
}

/// What the sort keys of edges begin with, in the partition of what they lead
/// to.
pub(super) const EDGE: &str = "E#";

/// `E#manifest#nonce`, the sort key of an edge.
pub(super) fn edge(edge: Edge) -> String {
    format!("{EDGE}{}#{}", edge.manifest, edge.nonce)
}

/// What the sort keys of a manifest's tags begin with.
pub(super) const TAG_OF: &str = "T#";

/// `M#repo@digest` / `T#tag`
pub(super) fn tag_of(repository: &RepositoryName, digest: Digest, tag: &TagName) -> Key {
    Key::new(
        manifest_partition(repository, digest),
        format!("{TAG_OF}{tag}"),
    )
}

/// What the sort keys of a manifest's referrers begin with.
pub(super) const REFERRER: &str = "R#";

/// `R#type digest`, the sort key of a referrer. A space sorts below every
/// character of a type.
pub(super) fn referrer(artifact_type: &str, digest: Digest) -> String {
    format!("{REFERRER}{artifact_type} {digest}")
}

/// The partition of a blob and its back-edges.
pub(super) fn blob_partition(digest: Digest) -> String {
    format!("B#{digest}")
}

/// `B#digest`
pub(super) fn blob(digest: Digest) -> Key {
    Key::main(blob_partition(digest))
}

/// What the sort keys of back-edges begin with.
pub(super) const BACK_EDGE: &str = "R#";

/// `B#digest` / `R#repo#link id`
pub(super) fn back_edge(digest: Digest, repository: &RepositoryName, id: LinkId) -> Key {
    Key::new(
        blob_partition(digest),
        format!("{BACK_EDGE}{repository}#{id}"),
    )
}

/// The partition of a link and the edges to it, which may be there before the
/// link is.
pub(super) fn link_partition(repository: &RepositoryName, digest: Digest) -> String {
    format!("L#{repository}@{digest}")
}

/// `L#repo@digest`
pub(super) fn link(repository: &RepositoryName, digest: Digest) -> Key {
    Key::main(link_partition(repository, digest))
}

/// `U#id`
pub(super) fn upload(id: UploadId) -> Key {
    Key::main(format!("U#{id}"))
}

/// `LEASE#name`
pub(super) fn lease(name: &LeaseName) -> Key {
    Key::main(format!("LEASE#{name}"))
}

/// The partition of a queue's shard.
pub(super) fn queue(queue: &str, shard: u8) -> String {
    format!("Z#{queue}#{shard}")
}

/// The shard of a queue's entry: 0 to [`SHARDS`] - 1.
fn shard(id: u128) -> u8 {
    // The ids' low bits are random.
    (id % u128::from(SHARDS)).try_into().unwrap_or_default()
}

/// The queue of what may be collected.
pub(super) const GC: &str = "gc";

/// `Z#gc#k` / due time, entry id
pub(super) fn gc_entry(due: Timestamp, entry: FreshId) -> Key {
    let id = entry.0;
    Key::new(queue(GC, shard(id)), format!("{}{id:032x}", time(due)))
}

/// The queue of idle uploads.
pub(super) const UPLOADS: &str = "upload";

/// `Z#upload#k` / time of last look, upload id
pub(super) fn idle_upload(seen: Timestamp, id: UploadId) -> Key {
    let text = id.to_string();
    Key::new(
        queue(UPLOADS, shard_of_text(&text)),
        format!("{}{text}", time(seen)),
    )
}

/// The outbox.
pub(super) const OUTBOX: &str = "outbox";

/// `Z#outbox#k` / job id
pub(super) fn outbox(id: JobId) -> Key {
    let text = id.to_string();
    Key::new(queue(OUTBOX, shard_of_text(&text)), text)
}

/// The shard of an id as it prints: its last digit.
pub(super) fn shard_of_text(id: &str) -> u8 {
    let digit = id.chars().last().and_then(|digit| digit.to_digit(16));
    shard(digit.unwrap_or_default().into())
}
