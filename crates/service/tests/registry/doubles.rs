//! Ports over the ones in memory that fail, count, or let others in between.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use berth_domain::{
    Envelope, Expect, Manifest, ObjectKey, Page, PasswordHash, Sealed, Secret, Sequence,
    SigningKey, Tag, UploadId, UploadSession, Version, WriteState,
};
use berth_host::HostSecrets;
use berth_oci::{Digest, RepositoryName, TagName};
use berth_ports::{
    Access, BlobStore, BlobWriter, ByteStream, DeleteEnd, ManifestStore as _, SecretError,
    Sequences, Span, StoreError, StoreResult, TagStore, TokenError, TokenRequest, UploadStore,
    VerifiedToken,
};
use berth_testkit::{MemoryBlobs, MemoryStore};
use bytes::Bytes;
use jiff::Timestamp;
use tokio::task::yield_now;

/// Objects on a disk that may be full, and may keep one of them.
#[derive(Debug)]
pub(crate) struct Disk {
    pub(crate) blobs: MemoryBlobs,
    full: AtomicBool,
    stuck: Mutex<Option<ObjectKey>>,
}

impl Disk {
    pub(crate) fn new(blobs: MemoryBlobs) -> Self {
        Self {
            blobs,
            full: AtomicBool::new(false),
            stuck: Mutex::default(),
        }
    }

    /// No small object can be stored from now on.
    pub(crate) fn fill(&self) {
        self.full.store(true, Ordering::Relaxed);
    }

    /// This object, and no other, cannot be deleted from now on.
    pub(crate) fn keep(&self, key: Option<ObjectKey>) {
        *self.stuck.lock().unwrap() = key;
    }
}

#[async_trait]
impl BlobStore for Disk {
    async fn write(&self, key: ObjectKey, state: WriteState) -> StoreResult<Box<dyn BlobWriter>> {
        self.blobs.write(key, state).await
    }

    async fn put(&self, key: ObjectKey, bytes: Bytes) -> StoreResult<()> {
        yield_now().await;
        if self.full.load(Ordering::Relaxed) {
            return Err(StoreError::Full);
        }
        self.blobs.put(key, bytes).await
    }

    async fn read(&self, key: ObjectKey, size: u64, span: Span) -> StoreResult<Access> {
        self.blobs.read(key, size, span).await
    }

    async fn stream(&self, key: ObjectKey, size: u64, span: Span) -> StoreResult<ByteStream> {
        self.blobs.stream(key, size, span).await
    }

    async fn size(&self, key: ObjectKey) -> StoreResult<Option<u64>> {
        self.blobs.size(key).await
    }

    async fn delete(&self, keys: &[ObjectKey]) -> StoreResult<()> {
        let stuck = *self.stuck.lock().unwrap();
        if stuck.is_some_and(|stuck| keys.contains(&stuck)) {
            return Err(StoreError::unavailable("the disk keeps it"));
        }
        self.blobs.delete(keys).await
    }
}

/// Numbers and upload sessions that take a moment, in which others go on.
#[derive(Debug)]
pub(crate) struct Interleaved(pub(crate) Arc<MemoryStore>);

#[async_trait]
impl Sequences for Interleaved {
    async fn next(&self, sequence: Sequence) -> StoreResult<i64> {
        yield_now().await;
        self.0.next(sequence).await
    }

    async fn raise(&self, sequence: Sequence, last: i64) -> StoreResult<()> {
        self.0.raise(sequence, last).await
    }
}

#[async_trait]
impl UploadStore for Interleaved {
    async fn create_upload(&self, session: &UploadSession) -> StoreResult<()> {
        self.0.create_upload(session).await
    }

    async fn upload(&self, id: UploadId) -> StoreResult<Option<UploadSession>> {
        let found = self.0.upload(id).await;
        yield_now().await;
        found
    }

    async fn claim_upload(
        &self,
        id: UploadId,
        epoch: u64,
        now: Timestamp,
    ) -> StoreResult<UploadSession> {
        self.0.claim_upload(id, epoch, now).await
    }

    async fn checkpoint_upload(
        &self,
        id: UploadId,
        epoch: u64,
        state: &WriteState,
        now: Timestamp,
    ) -> StoreResult<()> {
        self.0.checkpoint_upload(id, epoch, state, now).await
    }

    async fn touch_upload(&self, id: UploadId, epoch: u64, now: Timestamp) -> StoreResult<()> {
        self.0.touch_upload(id, epoch, now).await
    }

    async fn delete_upload(&self, id: UploadId, epoch: u64, jobs: &[Envelope]) -> StoreResult<()> {
        self.0.delete_upload(id, epoch, jobs).await
    }

    async fn idle_uploads(
        &self,
        before: Timestamp,
        limit: usize,
    ) -> StoreResult<Page<UploadSession>> {
        self.0.idle_uploads(before, limit).await
    }
}

/// When a push overtakes a deletion.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Moment {
    /// Before the deletion reads the tags.
    BeforeTagsAreRead,
    /// Between that and a look at the manifest.
    AfterTagsAreRead,
    /// Right before it deletes a tag.
    BeforeATagIsDeleted,
}

/// Tags that take a moment to be read, of which one is set by a push that overtakes a deletion.
#[derive(Debug)]
pub(crate) struct Tags {
    store: Arc<MemoryStore>,
    push: Mutex<Option<(Moment, Manifest, TagName)>>,
}

impl Tags {
    pub(crate) fn over(store: Arc<MemoryStore>) -> Self {
        Self {
            store,
            push: Mutex::default(),
        }
    }

    /// At that moment, once, the manifest is restored and the tag set to it.
    pub(crate) fn push_at(&self, moment: Moment, manifest: Manifest, tag: TagName) {
        *self.push.lock().unwrap() = Some((moment, manifest, tag));
    }

    async fn at(&self, moment: Moment) {
        let due = self
            .push
            .lock()
            .unwrap()
            .take_if(|(wanted, ..)| *wanted == moment);
        if let Some((_, manifest, tag)) = due {
            let (repository, digest) = (&manifest.repository, manifest.digest);
            self.store
                .end_delete(repository, digest, manifest.nonce, &DeleteEnd::Restored)
                .await
                .unwrap();
            let now = manifest.pushed_at;
            self.store.put_tags(&manifest, &[tag], now).await.unwrap();
        }
    }
}

#[async_trait]
impl TagStore for Tags {
    async fn tag(&self, repository: &RepositoryName, tag: &TagName) -> StoreResult<Option<Tag>> {
        self.store.tag(repository, tag).await
    }

    async fn put_tags(
        &self,
        manifest: &Manifest,
        tags: &[TagName],
        now: Timestamp,
    ) -> StoreResult<()> {
        self.store.put_tags(manifest, tags, now).await
    }

    async fn confirm_tag(
        &self,
        repository: &RepositoryName,
        tag: &TagName,
        version: Version,
        now: Timestamp,
    ) -> StoreResult<()> {
        self.store.confirm_tag(repository, tag, version, now).await
    }

    async fn delete_tag(
        &self,
        repository: &RepositoryName,
        tag: &TagName,
        expect: Expect,
    ) -> StoreResult<()> {
        self.at(Moment::BeforeATagIsDeleted).await;
        self.store.delete_tag(repository, tag, expect).await
    }

    async fn list_tags(
        &self,
        repository: &RepositoryName,
        after: Option<&str>,
        limit: usize,
    ) -> StoreResult<Page<TagName>> {
        self.store.list_tags(repository, after, limit).await
    }

    async fn tags_of(
        &self,
        repository: &RepositoryName,
        digest: Digest,
        after: Option<&TagName>,
        limit: usize,
    ) -> StoreResult<Page<(TagName, Tag)>> {
        yield_now().await;
        self.at(Moment::BeforeTagsAreRead).await;
        let page = self.store.tags_of(repository, digest, after, limit).await;
        self.at(Moment::AfterTagsAreRead).await;
        page
    }
}

/// Real cryptography that counts how many passwords were computed and tokens
/// verified.
#[derive(Debug)]
pub(crate) struct Secrets {
    host: HostSecrets,
    computed: AtomicUsize,
    verified: AtomicUsize,
}

impl Secrets {
    pub(crate) fn over(host: HostSecrets) -> Self {
        Self {
            host,
            computed: AtomicUsize::new(0),
            verified: AtomicUsize::new(0),
        }
    }

    pub(crate) fn computed(&self) -> usize {
        self.computed.load(Ordering::Relaxed)
    }

    pub(crate) fn verified(&self) -> usize {
        self.verified.load(Ordering::Relaxed)
    }
}

#[async_trait]
impl berth_ports::Secrets for Secrets {
    async fn hash_password(&self, password: &Secret) -> Result<PasswordHash, SecretError> {
        self.host.hash_password(password).await
    }

    async fn verify_password(
        &self,
        password: &Secret,
        hash: &PasswordHash,
    ) -> Result<bool, SecretError> {
        self.computed.fetch_add(1, Ordering::Relaxed);
        self.host.verify_password(password, hash).await
    }

    async fn verify_nothing(&self, password: &Secret) -> Result<(), SecretError> {
        self.computed.fetch_add(1, Ordering::Relaxed);
        self.host.verify_nothing(password).await
    }

    fn fingerprint(&self, parts: &[&[u8]]) -> [u8; 32] {
        self.host.fingerprint(parts)
    }

    fn equal(&self, one: &[u8], other: &[u8]) -> bool {
        self.host.equal(one, other)
    }

    fn random_password(&self) -> Result<Secret, SecretError> {
        self.host.random_password()
    }

    fn seal(&self, secret: &Secret, context: &str) -> Result<Sealed, SecretError> {
        self.host.seal(secret, context)
    }

    fn open(&self, sealed: &Sealed, context: &str) -> Result<Secret, SecretError> {
        self.host.open(sealed, context)
    }

    async fn generate_signing_key(&self, now: Timestamp) -> Result<SigningKey, SecretError> {
        self.host.generate_signing_key(now).await
    }

    async fn sign_token(
        &self,
        key: &SigningKey,
        request: &TokenRequest,
    ) -> Result<Secret, SecretError> {
        self.host.sign_token(key, request).await
    }

    fn verify_token(
        &self,
        token: &str,
        audience: &str,
        keys: &[SigningKey],
        now: Timestamp,
    ) -> Result<VerifiedToken, TokenError> {
        self.verified.fetch_add(1, Ordering::Relaxed);
        self.host.verify_token(token, audience, keys, now)
    }
}
