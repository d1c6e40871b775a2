//! What each access of the stores of manifests, tags, links and uploads costs,
//! as `docs/data-model.md` says it: read and write units, and calls.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use berth_domain::{
    ArtifactId, Begun, Edge, EdgeTarget, Envelope, Expect, FreshId, Job, LinkCommit, LinkId,
    LinkToken, Manifest, ManifestContent, ManifestFacts, ProjectId, Referrer, UploadSession,
    WriteState,
};
use berth_host::RandomIds;
use berth_oci::{Algorithm, Digest, TagName};
use berth_ports::{
    BeginDelete, Clock, CommitLink, CommitManifest, DeleteEnd, GcQueue, GcSubject, Ids, LinkSource,
    LinkStore, ManifestStore, Outbox, StoreResult, TagStore, UploadStore,
};
use berth_store_aws::{CallCounter, DynamoStore};
use berth_testkit::ManualClock;
use futures_util::stream::{self, StreamExt as _};
use jiff::Timestamp;

use super::fresh_store;

struct Books {
    store: DynamoStore,
    counter: Arc<CallCounter>,
    clock: Arc<ManualClock>,
    lines: Vec<String>,
}

impl Books {
    async fn open() -> Self {
        let (clock, counter) = (Arc::new(ManualClock::default()), Arc::default());
        let store = fresh_store(clock.clone()).await;
        Self {
            store: store.counted(Arc::clone(&counter)),
            counter,
            clock,
            lines: Vec::new(),
        }
    }

    /// Writes down what a call costs that must succeed.
    async fn note<T>(&mut self, name: &str, call: impl Future<Output = StoreResult<T>>) -> T {
        self.counter.take();
        let answer = call.await.unwrap();
        let (mut calls, mut read, mut write) = (0, 0.0, 0.0);
        for counted in self.counter.take().into_values() {
            calls += counted.calls;
            read += counted.read_units;
            write += counted.write_units;
        }
        self.lines
            .push(format!("{name}: {read} r, {write} w, {calls} calls"));
        answer
    }

    fn page(&self) -> String {
        self.lines.join("\n")
    }

    fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Far enough for what needs no hold.
    fn after_grace(&self) -> Timestamp {
        self.now() + Duration::from_hours(2)
    }

    fn session(&self) -> UploadSession {
        UploadSession {
            id: fresh(),
            repository: "a/b".parse().unwrap(),
            key: fresh(),
            epoch: 0,
            state: WriteState::new(Algorithm::Sha256),
            created_at: self.now(),
            touched_at: self.now(),
        }
    }

    /// A manifest whose record takes less than 1 KB.
    fn manifest(&self, text: &str) -> Manifest {
        Manifest {
            repository: "a/b".parse().unwrap(),
            digest: digest(text),
            nonce: fresh(),
            id: ArtifactId(1),
            media_type: "application/vnd.oci.image.manifest.v1+json".to_owned(),
            size: 2,
            content: ManifestContent::Inline(text.to_owned().into()),
            facts: ManifestFacts::default(),
            pushed_at: self.now(),
        }
    }
}

fn fresh<Id: From<FreshId>>() -> Id {
    Id::from(RandomIds.fresh())
}

fn digest(text: &str) -> Digest {
    Digest::of(Algorithm::Sha256, text.as_bytes())
}

fn job() -> Envelope {
    Envelope::new(fresh(), Job::DeleteObject { key: fresh() })
}

fn commit(manifest: &Manifest, tags: &[&str]) -> CommitManifest {
    CommitManifest {
        manifest: manifest.clone(),
        tags: tags.iter().map(|tag| tag.parse().unwrap()).collect(),
        referrer: None,
        session: None,
    }
}

fn deletion(due: Timestamp) -> BeginDelete {
    BeginDelete {
        untouched_since: None,
        due,
    }
}

#[tokio::test]
async fn manifests_cost_what_is_written_down() {
    let mut books = Books::open().await;
    let (store, late) = (books.store.clone(), books.after_grace());
    let manifest = books.manifest("{}");
    let (repository, digest, nonce) = (&manifest.repository, manifest.digest, manifest.nonce);
    let begun = store.begin_manifest(repository, digest, nonce, late);
    assert_eq!(books.note("begin_manifest", begun).await, Begun::Started);
    let committed = commit(&manifest, &["latest"]);
    let committed = store.commit_manifest(&committed);
    books.note("commit_manifest, a new tag", committed).await;
    let found = store.manifest(repository, digest);
    books.note("manifest", found).await;
    let state = store.manifest_state(repository, digest);
    books.note("manifest_state", state).await;
    let listed = store.list_manifests(repository, None, 100);
    books.note("list_manifests, one", listed).await;
    let touched = store.touch_manifest(repository, digest, late);
    books.note("touch_manifest", touched).await;
    let deletion = deletion(late);
    let hidden = store.begin_delete(repository, digest, nonce, &deletion);
    books.note("begin_delete", hidden).await;
    let deleting = store.deleting_manifest(repository, digest);
    books.note("deleting_manifest", deleting).await;
    let restored = store.end_delete(repository, digest, nonce, &DeleteEnd::Restored);
    books.note("end_delete, restored", restored).await;
    let hidden = store.begin_delete(repository, digest, nonce, &deletion);
    hidden.await.unwrap();
    let gone = DeleteEnd::Gone(vec![job()]);
    let gone = store.end_delete(repository, digest, nonce, &gone);
    books.note("end_delete, gone", gone).await;
    let begun = store.begin_manifest(repository, digest, nonce, late);
    begun.await.unwrap();
    let jobs = [job()];
    let aborted = store.abort_manifest(repository, digest, nonce, &jobs);
    books.note("abort_manifest", aborted).await;
    insta::assert_snapshot!(books.page(), @r"
    begin_manifest: 0 r, 6 w, 1 calls
    commit_manifest, a new tag: 1 r, 6 w, 2 calls
    manifest: 1 r, 0 w, 1 calls
    manifest_state: 1 r, 0 w, 1 calls
    list_manifests, one: 2 r, 0 w, 2 calls
    touch_manifest: 0 r, 1 w, 1 calls
    begin_delete: 1 r, 3 w, 3 calls
    deleting_manifest: 1 r, 0 w, 1 calls
    end_delete, restored: 1 r, 2 w, 2 calls
    end_delete, gone: 1 r, 6 w, 2 calls
    abort_manifest: 1 r, 6 w, 2 calls
    ");
}

#[tokio::test]
async fn edges_cost_what_is_written_down() {
    let mut books = Books::open().await;
    let (store, now) = (books.store.clone(), books.now());
    let repository = "a/b".parse().unwrap();
    let edge = Edge {
        manifest: digest("manifest"),
        nonce: fresh(),
    };
    let targets: Vec<_> = (0..25)
        .map(|number: u8| EdgeTarget::Blob(digest(&number.to_string())))
        .collect();
    let put = store.put_edges(&repository, edge, &targets);
    books.note("put_edges, 25", put).await;
    let listed = store.edges(&repository, targets[0], None, 100);
    books.note("edges, one", listed).await;
    let deleted = store.delete_edges(&repository, edge, &targets, now);
    books.note("delete_edges, 25", deleted).await;
    insta::assert_snapshot!(books.page(), @r"
    put_edges, 25: 0 r, 25 w, 1 calls
    edges, one: 1 r, 0 w, 1 calls
    delete_edges, 25: 0 r, 50 w, 2 calls
    ");
}

#[tokio::test]
async fn referrers_cost_what_is_written_down() {
    let mut books = Books::open().await;
    let (store, late) = (books.store.clone(), books.after_grace());
    let mut manifest = books.manifest("{}");
    let subject = digest("subject");
    manifest.facts.subject = Some(subject);
    let (repository, digest, nonce) = (&manifest.repository, manifest.digest, manifest.nonce);
    let begun = store.begin_manifest(repository, digest, nonce, late);
    begun.await.unwrap();
    let committed = CommitManifest {
        referrer: Some(Referrer {
            digest,
            media_type: manifest.media_type.clone(),
            size: manifest.size,
            artifact_type: None,
            annotations: None,
        }),
        ..commit(&manifest, &[])
    };
    let committed = store.commit_manifest(&committed);
    books.note("commit_manifest", committed).await;
    let listed = store.referrers(repository, subject, None, None, 100);
    books.note("referrers, one", listed).await;
    let deletion = deletion(late);
    let hidden = store.begin_delete(repository, digest, nonce, &deletion);
    books.note("begin_delete", hidden).await;
    let restored = store.end_delete(repository, digest, nonce, &DeleteEnd::Restored);
    books.note("end_delete, restored", restored).await;
    let hidden = store.begin_delete(repository, digest, nonce, &deletion);
    hidden.await.unwrap();
    let gone = DeleteEnd::Gone(vec![job()]);
    let gone = store.end_delete(repository, digest, nonce, &gone);
    books.note("end_delete, gone", gone).await;
    insta::assert_snapshot!(books.page(), @r"
    commit_manifest: 0 r, 4 w, 1 calls
    referrers, one: 1 r, 0 w, 1 calls
    begin_delete: 1 r, 5 w, 3 calls
    end_delete, restored: 1 r, 4 w, 2 calls
    end_delete, gone: 1 r, 8 w, 2 calls
    ");
}

#[tokio::test]
async fn tags_cost_what_is_written_down() {
    let mut books = Books::open().await;
    let (store, now, late) = (books.store.clone(), books.now(), books.after_grace());
    let (old, new) = (books.manifest("old"), books.manifest("new"));
    for manifest in [&old, &new] {
        let (digest, nonce) = (manifest.digest, manifest.nonce);
        let begun = store.begin_manifest(&manifest.repository, digest, nonce, late);
        begun.await.unwrap();
        store.commit_manifest(&commit(manifest, &[])).await.unwrap();
    }
    let repository = &old.repository;
    let tag = ["latest".parse().unwrap()];
    let put = store.put_tags(&old, &tag, now);
    books.note("put_tags, a new one", put).await;
    let put = store.put_tags(&old, &tag, now);
    books.note("put_tags, the same", put).await;
    let put = store.put_tags(&new, &tag, now);
    books.note("put_tags, one that moves", put).await;
    let found = books.note("tag", store.tag(repository, &tag[0])).await;
    let listed = store.list_tags(repository, None, 100);
    books.note("list_tags, one", listed).await;
    let listed = store.tags_of(repository, new.digest, None, 100);
    books.note("tags_of, one", listed).await;
    let confirmed = store.confirm_tag(repository, &tag[0], found.unwrap().version, late);
    books.note("confirm_tag", confirmed).await;
    let deleted = store.delete_tag(repository, &tag[0], Expect::Any);
    books.note("delete_tag", deleted).await;
    insta::assert_snapshot!(books.page(), @r"
    put_tags, a new one: 1 r, 6 w, 2 calls
    put_tags, the same: 1 r, 4 w, 2 calls
    put_tags, one that moves: 1 r, 8 w, 2 calls
    tag: 1 r, 0 w, 1 calls
    list_tags, one: 1 r, 0 w, 1 calls
    tags_of, one: 2 r, 0 w, 2 calls
    confirm_tag: 0 r, 1 w, 1 calls
    delete_tag: 1 r, 4 w, 2 calls
    ");
}

/// A link to a new blob, which ends the session that owned its object.
fn new_link(session: &UploadSession, id: LinkId, now: Timestamp) -> CommitLink {
    CommitLink {
        repository: session.repository.clone(),
        project: ProjectId(1),
        digest: digest("layer"),
        id,
        source: LinkSource::NewBlob {
            key: session.key,
            size: 5,
        },
        session: Some((session.id, 0)),
        jobs: Vec::new(),
        now,
    }
}

#[tokio::test]
async fn links_cost_what_is_written_down_when_they_are_made() {
    let mut books = Books::open().await;
    let (store, late) = (books.store.clone(), books.after_grace());
    let (session, id) = (books.session(), fresh());
    store.create_upload(&session).await.unwrap();
    let new = new_link(&session, id, books.now());
    let (repository, layer) = (&session.repository, new.digest);
    let prepared = store.prepare_link(repository, layer, id, late);
    books.note("prepare_link", prepared).await;
    let done = store.commit_link(&new);
    let done = books.note("commit_link, a new blob", done).await;
    assert_eq!(done, LinkCommit::Done);
    books.note("link", store.link(repository, layer)).await;
    let blob = books.note("blob", store.blob(layer)).await;
    let mount = CommitLink {
        repository: "a/c".parse().unwrap(),
        id: fresh(),
        source: LinkSource::Blob(blob.unwrap()),
        session: None,
        ..new.clone()
    };
    let prepared = store.prepare_link(&mount.repository, layer, mount.id, late);
    prepared.await.unwrap();
    let done = store.commit_link(&mount);
    let done = books.note("commit_link, a mount", done).await;
    assert_eq!(done, LinkCommit::Done);
    let needless = fresh();
    let prepared = store.prepare_link(repository, layer, needless, late);
    prepared.await.unwrap();
    let withdrawn = store.withdraw_link(repository, layer, needless);
    books.note("withdraw_link", withdrawn).await;
    let listed = store.back_edges(layer, None, 100);
    books.note("back_edges, two", listed).await;
    let listed = store.list_links(repository, None, 100);
    books.note("list_links, one", listed).await;
    insta::assert_snapshot!(books.page(), @r"
    prepare_link: 0 r, 2 w, 2 calls
    commit_link, a new blob: 0 r, 10 w, 1 calls
    link: 1 r, 0 w, 1 calls
    blob: 1 r, 0 w, 1 calls
    commit_link, a mount: 0 r, 7 w, 1 calls
    withdraw_link: 0 r, 2 w, 1 calls
    back_edges, two: 1 r, 0 w, 1 calls
    list_links, one: 2 r, 0 w, 2 calls
    ");
}

#[tokio::test]
async fn links_cost_what_is_written_down_when_they_go() {
    let mut books = Books::open().await;
    let (store, now, late) = (books.store.clone(), books.now(), books.after_grace());
    let (session, id) = (books.session(), fresh());
    let token: LinkToken = fresh();
    store.create_upload(&session).await.unwrap();
    let new = new_link(&session, id, now);
    let (repository, layer) = (&session.repository, new.digest);
    let prepared = store.prepare_link(repository, layer, id, late);
    prepared.await.unwrap();
    store.commit_link(&new).await.unwrap();
    let revived = store.revive_link(repository, layer, None, late);
    books.note("revive_link", revived).await;
    let condemned = store.condemn_link(repository, layer, id, token);
    books.note("condemn_link", condemned).await;
    let deleted = store.delete_link(repository, layer, token, now);
    books.note("delete_link", deleted).await;
    let blob = store.blob(layer).await.unwrap().unwrap();
    let deleted = store.delete_blob(&blob, now);
    books.note("delete_blob", deleted).await;
    let due = books.note("due", store.due(now, None, 100)).await;
    let subjects: Vec<_> = due.iter().map(|entry| &entry.subject).collect();
    assert!(
        subjects.contains(&&GcSubject::Object(blob.key)),
        "{subjects:?}"
    );
    let postponed = store.postpone(&due[0], late);
    books.note("postpone", postponed).await;
    let decided = [due[1].key.clone()];
    books.note("decided, one", store.decided(&decided)).await;
    insta::assert_snapshot!(books.page(), @r"
    revive_link: 0 r, 1 w, 1 calls
    condemn_link: 0 r, 2 w, 1 calls
    delete_link: 1 r, 7 w, 3 calls
    delete_blob: 0 r, 4 w, 1 calls
    due: 16 r, 0 w, 16 calls
    postpone: 0 r, 2 w, 2 calls
    decided, one: 0 r, 1 w, 1 calls
    ");
}

#[tokio::test]
async fn uploads_and_jobs_cost_what_is_written_down() {
    let mut books = Books::open().await;
    let (store, now, late) = (books.store.clone(), books.now(), books.after_grace());
    let session = books.session();
    let (id, state) = (session.id, &session.state);
    let created = store.create_upload(&session);
    books.note("create_upload", created).await;
    books.note("upload", store.upload(id)).await;
    let claimed = store.claim_upload(id, 0, now);
    books.note("claim_upload", claimed).await;
    let kept = store.checkpoint_upload(id, 1, state, now);
    books.note("checkpoint_upload", kept).await;
    let idle = store.idle_uploads(late, 100);
    books.note("idle_uploads, one", idle).await;
    let touched = store.touch_upload(id, 1, late);
    books.note("touch_upload", touched).await;
    let idle = store.idle_uploads(late, 100);
    books.note("idle_uploads, one filed again", idle).await;
    let jobs = [job()];
    let deleted = store.delete_upload(id, 1, &jobs);
    books.note("delete_upload", deleted).await;
    books.note("unsent", store.unsent(late, 100)).await;
    books.note("sent", store.sent(jobs[0].id)).await;
    insta::assert_snapshot!(books.page(), @r"
    create_upload: 0 r, 4 w, 1 calls
    upload: 1 r, 0 w, 1 calls
    claim_upload: 0 r, 1 w, 1 calls
    checkpoint_upload: 0 r, 1 w, 1 calls
    idle_uploads, one: 17 r, 0 w, 17 calls
    touch_upload: 0 r, 1 w, 1 calls
    idle_uploads, one filed again: 33 r, 2 w, 35 calls
    delete_upload: 0 r, 4 w, 1 calls
    unsent: 16 r, 0 w, 16 calls
    sent: 0 r, 1 w, 1 calls
    ");
}

/// What pages and changes cost in a repository of so many tags.
async fn among(tags: u32) -> String {
    let mut books = Books::open().await;
    let (store, now, late) = (books.store.clone(), books.now(), books.after_grace());
    let manifest = books.manifest("tagged");
    let (repository, digest) = (&manifest.repository, manifest.digest);
    let begun = store.begin_manifest(repository, digest, manifest.nonce, late);
    begun.await.unwrap();
    let committed = store.commit_manifest(&commit(&manifest, &[])).await;
    committed.unwrap();
    let names: Vec<TagName> = (0..tags)
        .map(|number| format!("tag-{number:06}").parse().unwrap())
        .collect();
    stream::iter(names.chunks(32))
        .for_each_concurrent(8, async |names| {
            store.put_tags(&manifest, names, now).await.unwrap();
        })
        .await;
    let middle = &names[names.len() / 2];
    for (page, after) in [("first", None), ("middle", Some(middle))] {
        let listed = store.list_tags(repository, after.map(TagName::as_str), 100);
        let listed = books.note(&format!("{page} page"), listed).await;
        assert_eq!(listed.items.len(), 100);
        let listed = store.tags_of(repository, digest, after, 100);
        let listed = books.note(&format!("{page} page of one"), listed).await;
        assert_eq!(listed.items.len(), 100);
    }
    books.note("tag", store.tag(repository, middle)).await;
    let put = store.put_tags(&manifest, std::slice::from_ref(middle), now);
    books.note("put_tags", put).await;
    let deleted = store.delete_tag(repository, middle, Expect::Any);
    books.note("delete_tag", deleted).await;
    books.page()
}

/// 2,000 of them; 100,000 with `BERTH_FULL=1`.
#[tokio::test]
async fn among_many_tags_all_costs_what_it_costs_among_few() {
    let full = std::env::var_os("BERTH_FULL").is_some();
    let many = if full { 100_000 } else { 2_000 };
    assert_eq!(among(many).await, among(300).await);
}
