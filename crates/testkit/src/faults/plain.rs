//! The ports as such.

use std::time::Duration;

use async_trait::async_trait;
use berth_domain::{
    Begun, Blob, Edge, EdgeTarget, Envelope, Expect, JobId, Lease, LeaseId, LeaseName, Link,
    LinkId, LinkToken, ListedManifest, Manifest, ManifestState, Member, Nonce, ObjectKey, Page,
    PasswordHash, Project, ProjectId, ProjectName, Referrer, RegistryEndpoint, RegistryId, Remote,
    Repository, Run, RunId, RunKind, Schedule, Sealed, Secret, Sequence, SigningKey, Tag, UploadId,
    UploadSession, User, UserId, UserName, Version, WriteState,
};
use berth_oci::{Digest, Reference, RepositoryName, TagName};
use berth_ports::{
    Access, AccessStore, Attested, BackEdge, BeginDelete, BlobStore, BlobWriter, ByteStream,
    CommitLink, CommitManifest, DeleteEnd, Delivery, FetchedBlob, FetchedManifest, Follow, GcEntry,
    GcQueue, Instances, JobQueue, LeaseStore, LinkCommit, LinkStore, ManifestDescription,
    ManifestStore, Outbox, ProjectStore, RegistryStore, RepositoryStore, RunStore, SecretError,
    Secrets, Sequences, Span, Spool, Spools, Staging, StoreResult, TagStore, TokenError,
    TokenRequest, UploadStore, Upstream, UpstreamResult, VerifiedToken,
};
use bytes::Bytes;
use jiff::Timestamp;

use super::Faulty;

/// Wraps ports: methods that take a while, methods that answer at once, and
/// methods that cannot fail. What a method hands out is wrapped by the method
/// of [`Faults`](super::Faults) behind `=>`.
macro_rules! faulty {
    ($($port:ident {
        $(async fn $slow:ident($($slow_name:ident: $slow_type:ty),*) -> $slow_result:ty
            $(=> $wrap:ident)?;)*
        $(fn $quick:ident($($quick_name:ident: $quick_type:ty),*) -> $quick_result:ty;)*
        $(pure fn $pure:ident($($pure_name:ident: $pure_type:ty),*) -> $pure_result:ty;)*
    })*) => {$(
        #[async_trait]
        impl $port for Faulty<dyn $port> {
            $(async fn $slow(&self, $($slow_name: $slow_type),*) -> $slow_result {
                let call = self.inner.$slow($($slow_name),*);
                let name = concat!(stringify!($port), "::", stringify!($slow));
                let answer = self.faults.call(name, call).await;
                $(let answer = answer.map(|inner| self.faults.$wrap(inner));)?
                answer
            })*

            $(fn $quick(&self, $($quick_name: $quick_type),*) -> $quick_result {
                let name = concat!(stringify!($port), "::", stringify!($quick));
                self.faults.call_now(name, || self.inner.$quick($($quick_name),*))
            })*

            $(fn $pure(&self, $($pure_name: $pure_type),*) -> $pure_result {
                self.inner.$pure($($pure_name),*)
            })*
        }
    )*};
}

faulty! {
    AccessStore {
        async fn create_user(user: &User) -> StoreResult<()>;
        async fn user(name: &UserName) -> StoreResult<Option<User>>;
        async fn user_by_id(id: UserId) -> StoreResult<Option<User>>;
        async fn update_user(user: &User) -> StoreResult<()>;
        async fn delete_user(id: UserId, version: Version) -> StoreResult<()>;
        async fn list_users(after: Option<UserId>, limit: usize) -> StoreResult<Page<User>>;
        async fn signing_keys() -> StoreResult<Vec<SigningKey>>;
        async fn add_signing_key(key: &SigningKey, after: Option<&str>) -> StoreResult<()>;
        async fn delete_signing_key(kid: &str) -> StoreResult<()>;
    }

    BlobStore {
        async fn write(key: ObjectKey, state: WriteState) -> StoreResult<Box<dyn BlobWriter>> => writer;
        async fn put(key: ObjectKey, bytes: Bytes) -> StoreResult<()>;
        async fn read(key: ObjectKey, size: u64, span: Span) -> StoreResult<Access> => access;
        async fn stream(key: ObjectKey, size: u64, span: Span) -> StoreResult<ByteStream> => stream;
        async fn size(key: ObjectKey) -> StoreResult<Option<u64>>;
        async fn attest(key: ObjectKey) -> StoreResult<Option<Attested>>;
        async fn delete(keys: &[ObjectKey]) -> StoreResult<()>;
    }

    Sequences {
        async fn next(sequence: Sequence) -> StoreResult<i64>;
        async fn raise(sequence: Sequence, last: i64) -> StoreResult<()>;
    }

    ProjectStore {
        async fn create_project(project: &Project) -> StoreResult<()>;
        async fn project(name: &ProjectName) -> StoreResult<Option<Project>>;
        async fn project_by_id(id: ProjectId) -> StoreResult<Option<Project>>;
        async fn update_project(project: &Project) -> StoreResult<()>;
        async fn delete_project(name: &ProjectName, version: Version) -> StoreResult<()>;
        async fn list_projects(after: Option<&ProjectName>, limit: usize) -> StoreResult<Page<Project>>;
        async fn put_member(member: &Member, expect: Expect) -> StoreResult<()>;
        async fn member(project: ProjectId, user: UserId) -> StoreResult<Option<Member>>;
        async fn delete_member(project: ProjectId, user: UserId) -> StoreResult<()>;
        async fn list_members(project: ProjectId, after: Option<UserId>, limit: usize) -> StoreResult<Page<Member>>;
        async fn list_memberships(user: UserId, after: Option<ProjectId>, limit: usize) -> StoreResult<Page<Member>>;
    }

    RegistryStore {
        async fn create_registry(registry: &RegistryEndpoint) -> StoreResult<()>;
        async fn registry(id: RegistryId) -> StoreResult<Option<RegistryEndpoint>>;
        async fn update_registry(registry: &RegistryEndpoint) -> StoreResult<()>;
        async fn delete_registry(id: RegistryId) -> StoreResult<()>;
        async fn list_registries(after: Option<RegistryId>, limit: usize) -> StoreResult<Page<RegistryEndpoint>>;
    }

    RepositoryStore {
        async fn create_repository(repository: &Repository) -> StoreResult<()>;
        async fn repository(name: &RepositoryName) -> StoreResult<Option<Repository>>;
        async fn update_repository(repository: &Repository) -> StoreResult<()>;
        async fn delete_repository(name: &RepositoryName, version: Version) -> StoreResult<()>;
        async fn unfinished_manifests(name: &RepositoryName, after: Option<Digest>, limit: usize) -> StoreResult<Page<(Digest, ManifestState, Nonce)>>;
        async fn list_repositories(project: Option<&ProjectName>, after: Option<&RepositoryName>, limit: usize) -> StoreResult<Page<Repository>>;
    }

    ManifestStore {
        async fn begin_manifest(repository: &RepositoryName, digest: Digest, nonce: Nonce, due: Timestamp) -> StoreResult<Begun>;
        async fn put_edges(repository: &RepositoryName, edge: Edge, targets: &[EdgeTarget]) -> StoreResult<()>;
        async fn delete_edges(repository: &RepositoryName, edge: Edge, targets: &[EdgeTarget], due: Timestamp) -> StoreResult<()>;
        async fn edges(repository: &RepositoryName, target: EdgeTarget, after: Option<Edge>, limit: usize) -> StoreResult<Page<Edge>>;
        async fn commit_manifest(commit: &CommitManifest) -> StoreResult<()>;
        async fn abort_manifest(repository: &RepositoryName, digest: Digest, nonce: Nonce, jobs: &[Envelope]) -> StoreResult<()>;
        async fn manifest(repository: &RepositoryName, digest: Digest) -> StoreResult<Option<Manifest>>;
        async fn deleting_manifest(repository: &RepositoryName, digest: Digest) -> StoreResult<Option<Manifest>>;
        async fn manifest_state(repository: &RepositoryName, digest: Digest) -> StoreResult<Option<(ManifestState, Nonce)>>;
        async fn list_manifests(repository: &RepositoryName, after: Option<Digest>, limit: usize) -> StoreResult<Page<ListedManifest>>;
        async fn referrers(repository: &RepositoryName, subject: Digest, artifact_type: Option<&str>, after: Option<(&str, Digest)>, limit: usize) -> StoreResult<Page<Referrer>>;
        async fn touch_manifest(repository: &RepositoryName, digest: Digest, now: Timestamp) -> StoreResult<()>;
        async fn begin_delete(repository: &RepositoryName, digest: Digest, nonce: Nonce, deletion: &BeginDelete) -> StoreResult<()>;
        async fn end_delete(repository: &RepositoryName, digest: Digest, nonce: Nonce, end: &DeleteEnd) -> StoreResult<()>;
    }

    TagStore {
        async fn tag(repository: &RepositoryName, tag: &TagName) -> StoreResult<Option<Tag>>;
        async fn put_tags(manifest: &Manifest, tags: &[TagName], now: Timestamp) -> StoreResult<()>;
        async fn confirm_tag(repository: &RepositoryName, tag: &TagName, version: Version, now: Timestamp) -> StoreResult<()>;
        async fn delete_tag(repository: &RepositoryName, tag: &TagName, expect: Expect) -> StoreResult<()>;
        async fn list_tags(repository: &RepositoryName, after: Option<&str>, limit: usize) -> StoreResult<Page<TagName>>;
        async fn tags_of(repository: &RepositoryName, digest: Digest, after: Option<&TagName>, limit: usize) -> StoreResult<Page<(TagName, Tag)>>;
    }

    LinkStore {
        async fn link(repository: &RepositoryName, digest: Digest) -> StoreResult<Option<Link>>;
        async fn blob(digest: Digest) -> StoreResult<Option<Blob>>;
        async fn prepare_link(repository: &RepositoryName, digest: Digest, id: LinkId, due: Timestamp) -> StoreResult<()>;
        async fn commit_link(commit: &CommitLink) -> StoreResult<LinkCommit>;
        async fn withdraw_link(repository: &RepositoryName, digest: Digest, id: LinkId) -> StoreResult<()>;
        async fn revive_link(repository: &RepositoryName, digest: Digest, condemned: Option<LinkToken>, now: Timestamp) -> StoreResult<()>;
        async fn condemn_link(repository: &RepositoryName, digest: Digest, id: LinkId, token: LinkToken) -> StoreResult<()>;
        async fn delete_link(repository: &RepositoryName, digest: Digest, token: LinkToken, due: Timestamp) -> StoreResult<()>;
        async fn delete_blob(blob: &Blob, due: Timestamp) -> StoreResult<()>;
        async fn back_edges(digest: Digest, after: Option<(&RepositoryName, LinkId)>, limit: usize) -> StoreResult<Page<BackEdge>>;
        async fn list_links(repository: &RepositoryName, after: Option<Digest>, limit: usize) -> StoreResult<Page<Link>>;
        async fn list_blobs(after: Option<Digest>, limit: usize) -> StoreResult<Page<Blob>>;
    }

    GcQueue {
        async fn due(now: Timestamp, after: Option<&str>, limit: usize) -> StoreResult<Vec<GcEntry>>;
        async fn postpone(entry: &GcEntry, due: Timestamp) -> StoreResult<()>;
        async fn decided(keys: &[String]) -> StoreResult<()>;
    }

    UploadStore {
        async fn create_upload(session: &UploadSession) -> StoreResult<()>;
        async fn upload(id: UploadId) -> StoreResult<Option<UploadSession>>;
        async fn claim_upload(id: UploadId, epoch: u64, now: Timestamp) -> StoreResult<UploadSession>;
        async fn checkpoint_upload(id: UploadId, epoch: u64, state: &WriteState, now: Timestamp) -> StoreResult<()>;
        async fn touch_upload(id: UploadId, epoch: u64, now: Timestamp) -> StoreResult<()>;
        async fn delete_upload(id: UploadId, epoch: u64, jobs: &[Envelope]) -> StoreResult<()>;
        async fn idle_uploads(before: Timestamp, limit: usize) -> StoreResult<Page<UploadSession>>;
    }

    LeaseStore {
        async fn take_lease(lease: &Lease, now: Timestamp, gone: Option<LeaseId>) -> StoreResult<Lease>;
        async fn lease(name: &LeaseName) -> StoreResult<Option<Lease>>;
        async fn renew_lease(lease: &Lease) -> StoreResult<()>;
        async fn end_lease(name: &LeaseName, id: LeaseId) -> StoreResult<()>;
    }

    Outbox {
        async fn unsent(before: Timestamp, limit: usize) -> StoreResult<Vec<Envelope>>;
        async fn sent(id: JobId) -> StoreResult<()>;
    }

    JobQueue {
        async fn send(envelope: &Envelope, delay: Duration) -> StoreResult<()>;
        async fn receive(limit: usize, visibility_timeout: Duration) -> StoreResult<Vec<Delivery>>;
        async fn delete(receipt: &str) -> StoreResult<()>;
        async fn retry(receipt: &str, delay: Duration) -> StoreResult<()>;
        async fn bury(receipt: &str, reason: &str) -> StoreResult<()>;
        async fn buried() -> StoreResult<usize>;
    }

    Upstream {
        async fn ping(remote: &Remote) -> UpstreamResult<()>;
        async fn head_manifest(remote: &Remote, name: &str, reference: &Reference, deadline: Duration) -> UpstreamResult<ManifestDescription>;
        async fn get_manifest(remote: &Remote, name: &str, reference: &Reference) -> UpstreamResult<FetchedManifest>;
        async fn head_blob(remote: &Remote, name: &str, digest: Digest) -> UpstreamResult<Option<u64>>;
        async fn get_blob(remote: &Remote, name: &str, digest: Digest, offset: u64) -> UpstreamResult<FetchedBlob> => fetched;
        async fn list_tags(remote: &Remote, name: &str, last: Option<&str>, limit: usize) -> UpstreamResult<(Vec<String>, bool)>;
        async fn referrers(remote: &Remote, name: &str, digest: Digest) -> UpstreamResult<Option<Bytes>>;
    }

    Instances {
        async fn follow(address: &str, wanted: &Follow) -> UpstreamResult<FetchedBlob> => followed;
        pure fn address() -> Option<&str>;
    }

    Spools {
        async fn open() -> StoreResult<Box<dyn Spool>> => spool;
    }

    Staging {
        async fn offer(key: ObjectKey, digest: Digest, length: u64) -> StoreResult<Option<String>>;
        async fn staged(key: ObjectKey, digest: Digest) -> StoreResult<Option<u64>>;
        async fn adopt(key: ObjectKey, digest: Digest, object: ObjectKey) -> StoreResult<Attested>;
        pure fn is_open() -> bool;
    }

    RunStore {
        async fn create_run(run: &Run, jobs: &[Envelope]) -> StoreResult<()>;
        async fn run(kind: RunKind, id: RunId) -> StoreResult<Option<Run>>;
        async fn update_run(run: &Run) -> StoreResult<()>;
        async fn delete_run(kind: RunKind, id: RunId) -> StoreResult<()>;
        async fn list_runs(kind: RunKind, before: Option<RunId>, limit: usize) -> StoreResult<Page<Run>>;
        async fn schedule(kind: RunKind) -> StoreResult<Option<Schedule>>;
        async fn put_schedule(schedule: &Schedule) -> StoreResult<()>;
        async fn delete_schedule(kind: RunKind, version: Version) -> StoreResult<()>;
    }

    Secrets {
        async fn hash_password(password: &Secret) -> Result<PasswordHash, SecretError>;
        async fn verify_password(password: &Secret, hash: &PasswordHash) -> Result<bool, SecretError>;
        async fn verify_nothing(password: &Secret) -> Result<(), SecretError>;
        async fn generate_signing_key(now: Timestamp) -> Result<SigningKey, SecretError>;
        async fn sign_token(key: &SigningKey, request: &TokenRequest) -> Result<Secret, SecretError>;
        fn random_password() -> Result<Secret, SecretError>;
        fn seal(secret: &Secret, context: &str) -> Result<Sealed, SecretError>;
        fn open(sealed: &Sealed, context: &str) -> Result<Secret, SecretError>;
        pure fn fingerprint(parts: &[&[u8]]) -> [u8; 32];
        pure fn equal(one: &[u8], other: &[u8]) -> bool;
        pure fn verify_token(token: &str, audience: &str, keys: &[SigningKey], now: Timestamp) -> Result<VerifiedToken, TokenError>;
    }
}
