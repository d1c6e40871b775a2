//! The use cases, call by call.

use std::rc::Rc;

use berth_domain::{
    Begun, LinkChange, LinkCommit, LinkId, LinkState, LinkStep, LinkToken, ManifestState, Need,
    Nonce, first_step, promised_until,
};
use berth_testkit::model::{Answer, CommitLink, Job, Link, Op, Subject, Target, id, token};
use jiff::{SignedDuration, Timestamp};

use crate::mutants::Mutant;
use crate::replay::{Cx, Wish, number};
use crate::scenarios::Task;

/// How a task ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// 2xx.
    Ok,
    /// 4xx.
    Refused,
    /// Others were faster: from the beginning.
    Again,
}

/// Does a task. `again`: it has been tried before.
pub(crate) async fn perform(cx: Rc<Cx<'_>>, task: Task, index: u8, again: bool) -> End {
    match task {
        Task::Upload(r, d) => cx.upload(r, d, index, again).await,
        Task::Mount(r, d) => cx.mount(r, d).await,
        Task::Head(r, d) => cx.head(r, d).await,
        Task::Push(r, m, tag) => cx.push(r, m, tag).await,
        Task::Delete(r, m) => cx.delete(r, m).await,
        Task::DeleteBlob(r, d) => cx.delete_blob(r, d).await,
        Task::Sweep => {
            cx.sweep().await;
            End::Ok
        }
        Task::Work => {
            cx.work().await;
            End::Ok
        }
    }
}

fn time(seconds: i64) -> Timestamp {
    Timestamp::from_second(seconds).expect("a small number is a time")
}

/// What a look comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Look {
    Decided,
    Later,
}

impl Cx<'_> {
    // Reads.

    async fn link(&self, r: u8, d: u8) -> Option<Link> {
        match self.call(Op::Link(r, d)).await {
            Answer::Link(link) => link,
            other => unreachable!("{other:?}"),
        }
    }

    async fn state(&self, r: u8, m: u8) -> Option<(ManifestState, Nonce)> {
        match self.call(Op::State(r, m)).await {
            Answer::State(state) => state,
            other => unreachable!("{other:?}"),
        }
    }

    async fn in_state(&self, r: u8, m: u8, state: ManifestState) -> Option<Nonce> {
        let found = self.state(r, m).await;
        found.filter(|(is, _)| *is == state).map(|(_, nonce)| nonce)
    }

    async fn edges(&self, r: u8, target: Target) -> Vec<(u8, Nonce)> {
        match self.call(Op::Edges(r, target)).await {
            Answer::Edges(edges) => edges,
            other => unreachable!("{other:?}"),
        }
    }

    async fn back_edges(&self, d: u8) -> Vec<(u8, LinkId, bool)> {
        match self.call(Op::BackEdges(d)).await {
            Answer::BackEdges(back_edges) => back_edges,
            other => unreachable!("{other:?}"),
        }
    }

    fn by_edge(&self, nonce: Nonce, state: Option<(ManifestState, Nonce)>) -> Need {
        if self.is(Mutant::EdgesWithoutNonce) {
            return Need::by_edge(nonce, state.map(|(state, _)| (state, nonce)));
        }
        Need::by_edge(nonce, state)
    }

    /// The nonce that an edge is written under.
    fn on_edge(&self, nonce: Nonce) -> Nonce {
        if self.is(Mutant::EdgesWithoutNonce) {
            return id(0);
        }
        nonce
    }

    // Links: `service/src/links.rs`.

    async fn revive_if_linked(&self, r: u8, d: u8) -> bool {
        loop {
            let Some(link) = self.link(r, d).await else {
                return false;
            };
            let condemned = token(link.state);
            let live = condemned.is_none() && self.is_promised(link);
            if live || condemned.is_some() && self.is(Mutant::CondemnedIsLive) {
                return true;
            }
            let revive = LinkChange::Revive(condemned);
            if self.does(Op::ChangeLink(r, d, revive)).await {
                return true;
            }
        }
    }

    /// Whether a pusher may count on a live link without touching it.
    fn is_promised(&self, link: Link) -> bool {
        self.now - link.touched < self.scenario.grace / 2
    }

    async fn prepare(&self, r: u8, d: u8) -> LinkId {
        let id = self.fresh();
        if !self.is(Mutant::NoEarlierBackEdge) {
            self.call(Op::Prepare(r, d, id)).await;
        }
        id
    }

    async fn upload(&self, r: u8, d: u8, index: u8, again: bool) -> End {
        let key = id(number(self.actor, 900 + u32::from(index)));
        if !again {
            self.call(Op::OpenSession(key)).await;
        }
        let id = self.prepare(r, d).await;
        if self.revive_if_linked(r, d).await {
            self.call(Op::Withdraw(r, d, id)).await;
            self.call(Op::EndSession(key)).await;
            return End::Ok;
        }
        let end = self.commit_link(r, d, id, Some(key)).await;
        if end != End::Ok {
            self.call(Op::Withdraw(r, d, id)).await;
        }
        end
    }

    async fn mount(&self, r: u8, d: u8) -> End {
        let id = self.prepare(r, d).await;
        let end = if self.revive_if_linked(r, d).await {
            self.call(Op::Withdraw(r, d, id)).await;
            return End::Ok;
        } else {
            self.commit_link(r, d, id, None).await
        };
        if end != End::Ok {
            self.call(Op::Withdraw(r, d, id)).await;
        }
        end
    }

    async fn commit_link(
        &self,
        repository: u8,
        digest: u8,
        id: LinkId,
        session: Option<berth_domain::ObjectKey>,
    ) -> End {
        let Answer::Blob(blob) = self.call(Op::Blob(digest)).await else {
            unreachable!()
        };
        if blob.is_none() && session.is_none() {
            return End::Refused;
        }
        let commit = CommitLink {
            repository,
            digest,
            id,
            read: blob.map(|blob| blob.key),
            session,
        };
        match self.call(Op::CommitLink(commit)).await {
            Answer::Committed(LinkCommit::Done) => End::Ok,
            Answer::Committed(LinkCommit::Fenced) => End::Refused,
            _ => End::Again,
        }
    }

    // `service/src/pull.rs`.

    async fn head(&self, r: u8, d: u8) -> End {
        loop {
            let Some(link) = self.link(r, d).await else {
                return End::Refused;
            };
            let condemned = token(link.state);
            if condemned.is_none() && self.is_promised(link) {
                return End::Ok;
            }
            let revive = LinkChange::Revive(condemned);
            if self.does(Op::ChangeLink(r, d, revive)).await {
                return End::Ok;
            }
        }
    }

    async fn delete_blob(&self, r: u8, d: u8) -> End {
        let Some(link) = self.link(r, d).await else {
            return End::Refused;
        };
        let Some(token) = self.condemn(r, d, link).await else {
            return End::Again;
        };
        if self.has_edge(r, Target::Blob(d)).await {
            self.revive_if_linked(r, d).await;
            return End::Refused;
        }
        if self.delete_link(r, d, token).await {
            End::Ok
        } else {
            End::Again
        }
    }

    async fn condemn(&self, r: u8, d: u8, link: Link) -> Option<LinkToken> {
        if let LinkState::Condemned(token) = link.state {
            return Some(token);
        }
        let token = self.fresh();
        let condemn = LinkChange::Condemn(link.id, token);
        self.does(Op::ChangeLink(r, d, condemn))
            .await
            .then_some(token)
    }

    async fn delete_link(&self, r: u8, d: u8, token: LinkToken) -> bool {
        let delete = LinkChange::Delete(token);
        self.does(Op::ChangeLink(r, d, delete)).await
    }

    // Manifests: `service/src/manifests.rs`.

    fn targets(&self, m: u8) -> Vec<Target> {
        let named = &self.scenario.manifests[usize::from(m)];
        let blobs = named.blobs.iter().map(|d| Target::Blob(*d));
        let children = named.children.iter().map(|m| Target::Manifest(*m));
        blobs.chain(children).collect()
    }

    async fn push(&self, r: u8, m: u8, tag: Option<u8>) -> End {
        let fresh = self.fresh();
        let nonce = match self.call(Op::Begin(r, m, fresh)).await {
            Answer::Begun(Begun::Started) => fresh,
            Answer::Begun(Begun::Joined(nonce)) => nonce,
            Answer::Begun(Begun::Live(nonce)) => {
                self.call(Op::Touch(r, m)).await;
                return match tag {
                    Some(tag) if !self.does(Op::PutTag(r, tag, m, nonce)).await => End::Again,
                    _ => End::Ok,
                };
            }
            _ => {
                self.restore(r, m).await;
                return End::Again;
            }
        };
        let early = self.is(Mutant::LinksBeforeEdges);
        let all_there = early && self.has_all(r, m).await;
        for target in self.targets(m) {
            let mention = (m, self.on_edge(nonce));
            self.call(Op::PutEdge(r, target, mention)).await;
        }
        let all_there = if early {
            all_there
        } else {
            self.has_all(r, m).await
        };
        if !all_there {
            if !self.does(Op::Abort(r, m, nonce, true)).await {
                self.drop_stale_edges(r, m, nonce).await;
            }
            return End::Refused;
        }
        let tags = tag.into_iter().collect();
        if self.does(Op::CommitManifest(r, m, nonce, tags)).await {
            return End::Ok;
        }
        self.drop_stale_edges(r, m, nonce).await;
        End::Again
    }

    async fn has_all(&self, r: u8, m: u8) -> bool {
        let named = &self.scenario.manifests[usize::from(m)];
        if named.sparse {
            return true;
        }
        for blob in &named.blobs {
            if !self.revive_if_linked(r, *blob).await {
                return false;
            }
        }
        for child in &named.children {
            let state = self.state(r, *child).await.map(|(state, _)| state);
            let hidden = state == Some(ManifestState::Deleting);
            let accepted = hidden && self.is(Mutant::HiddenChildIsThere);
            if state != Some(ManifestState::Live) && !accepted {
                return false;
            }
        }
        true
    }

    async fn drop_stale_edges(&self, r: u8, m: u8, nonce: Nonce) {
        if !self.is(Mutant::UnlinkOfTheJoined) {
            let state = self.state(r, m).await;
            if state.is_some_and(|(_, current)| current == nonce) {
                return;
            }
        }
        let mention = (m, self.on_edge(nonce));
        self.call(Op::DeleteEdges(r, self.targets(m), mention))
            .await;
    }

    // Deletions: `service/src/deletion.rs`.

    async fn restore(&self, r: u8, m: u8) {
        if let Some(nonce) = self.in_state(r, m, ManifestState::Deleting).await {
            self.call(Op::Restore(r, m, nonce)).await;
        }
    }

    async fn delete(&self, r: u8, m: u8) -> End {
        let Some(nonce) = self.in_state(r, m, ManifestState::Live).await else {
            return self.end_what_died(r, m).await;
        };
        if !self.does(Op::Hide(r, m, nonce, None)).await {
            return End::Again;
        }
        self.end_or_restore(r, m, nonce).await
    }

    async fn end_what_died(&self, r: u8, m: u8) -> End {
        match self.in_state(r, m, ManifestState::Deleting).await {
            Some(nonce) => self.end_or_restore(r, m, nonce).await,
            None => End::Refused,
        }
    }

    async fn end_or_restore(&self, r: u8, m: u8, nonce: Nonce) -> End {
        if self.end_deletion(r, m, nonce).await {
            return End::Ok;
        }
        self.restore(r, m).await;
        End::Refused
    }

    async fn end_deletion(&self, r: u8, m: u8, nonce: Nonce) -> bool {
        if self.has_edge(r, Target::Manifest(m)).await {
            return false;
        }
        self.delete_tags_of(r, m, nonce).await;
        self.call(Op::EndDelete(r, m, nonce)).await;
        true
    }

    async fn delete_tags_of(&self, r: u8, m: u8, nonce: Nonce) {
        let Answer::Tags(tags) = self.call(Op::TagsOf(r, m)).await else {
            unreachable!()
        };
        if self.in_state(r, m, ManifestState::Deleting).await == Some(nonce) {
            for (tag, version) in tags {
                self.call(Op::DeleteTag(r, tag, version)).await;
            }
        }
    }

    async fn has_edge(&self, r: u8, target: Target) -> bool {
        for (manifest, nonce) in self.edges(r, target).await {
            let state = self.state(r, manifest).await;
            if self.by_edge(nonce, state).keeps() {
                return true;
            }
        }
        false
    }

    /// Does any job.
    async fn work(&self) {
        let Answer::Job(job) = self.wish(Wish::AnyJob).await else {
            unreachable!()
        };
        match job {
            Job::Unlink(r, m, nonce) => {
                let state = self.state(r, m).await;
                match Need::by_edge(nonce, state) {
                    Need::Needed => {}
                    Need::Undecided => return,
                    Need::Not => {
                        let mention = (m, self.on_edge(nonce));
                        let targets = self.targets(m);
                        self.call(Op::DeleteEdges(r, targets, mention)).await;
                    }
                }
            }
            Job::DeleteObject(key) => {
                self.call(Op::DeleteObject(key)).await;
            }
        }
        self.call(Op::Acknowledge(job)).await;
    }

    // Sweeps: `service/src/gc.rs`.

    /// Looks at any entry. A sweeper is one of the first two actors.
    async fn sweep(&self) {
        let Answer::Subject(subject) = self.wish(Wish::AnySubject).await else {
            unreachable!()
        };
        let look = match subject {
            Subject::Link(r, d) => self.look_at_link(r, d).await,
            Subject::Manifest(r, m) => self.look_at_manifest(r, m).await,
            Subject::Child(r, m) => self.look_at_child(r, m).await,
            Subject::Blob(d) => self.look_at_blob(d).await,
            Subject::Object(key) => {
                self.call(Op::DeleteObject(key)).await;
                Look::Decided
            }
        };
        let sweeper = u8::from(self.actor == 1);
        let decided = look == Look::Decided || self.is(Mutant::UndecidedIsDecided);
        self.call(if decided {
            Op::Decided(sweeper, subject)
        } else {
            Op::Postpone(sweeper, subject)
        })
        .await;
    }

    async fn look_at_link(&self, r: u8, d: u8) -> Look {
        let mut seen = false;
        for (repository, id, linked) in self.back_edges(d).await {
            seen |= repository == r;
            if repository == r && !linked && !self.is(Mutant::PendingForEver) {
                self.call(Op::Withdraw(r, d, id)).await;
            }
        }
        let Some(link) = self.link(r, d).await else {
            let may_come = seen && !self.is(Mutant::AbsentIsGone);
            return if may_come { Look::Later } else { Look::Decided };
        };
        let first = self.need(r, Target::Blob(d)).await;
        let grace = SignedDuration::from_secs(self.scenario.grace);
        let (touched, now) = (time(link.touched), time(self.now));
        let token = match first_step(link.state, touched, first, now, grace) {
            LinkStep::Decided => return Look::Decided,
            LinkStep::Wait | LinkStep::Later(_) => return Look::Later,
            LinkStep::Examine(token) => token,
            LinkStep::Condemn => match self.condemn(r, d, link).await {
                Some(token) => token,
                None => return Look::Later,
            },
        };
        let Some(link) = self.link(r, d).await else {
            return Look::Decided;
        };
        let promised = promised_until(time(link.touched), now, grace).is_some();
        let need = if self.is(Mutant::EdgesBeforeCondemning) {
            first
        } else {
            self.need(r, Target::Blob(d)).await
        };
        if need.keeps() || promised && !self.is(Mutant::PromiseBeforeCondemning) {
            let revive = LinkChange::Revive(Some(token));
            let revived = self.does(Op::ChangeLink(r, d, revive)).await;
            return if revived && need == Need::Needed {
                Look::Decided
            } else {
                Look::Later
            };
        }
        if self.delete_link(r, d, token).await {
            Look::Decided
        } else {
            Look::Later
        }
    }

    async fn need(&self, r: u8, target: Target) -> Need {
        let mut need = Need::Not;
        for (manifest, nonce) in self.edges(r, target).await {
            let state = self.state(r, manifest).await;
            match self.by_edge(nonce, state) {
                Need::Needed => return Need::Needed,
                Need::Undecided => need = Need::Undecided,
                Need::Not => {
                    let targets = vec![target];
                    self.call(Op::DeleteEdges(r, targets, (manifest, nonce)))
                        .await;
                }
            }
        }
        need
    }

    async fn look_at_manifest(&self, r: u8, m: u8) -> Look {
        match self.state(r, m).await {
            None | Some((ManifestState::Live, _)) => {}
            Some((ManifestState::Pending, nonce)) => {
                self.call(Op::Abort(r, m, nonce, false)).await;
            }
            Some((ManifestState::Deleting, _)) => {
                if self.is(Mutant::DeletionBegunAnew) {
                    self.delete(r, m).await;
                } else {
                    self.end_what_died(r, m).await;
                }
            }
        }
        Look::Decided
    }

    async fn look_at_child(&self, r: u8, m: u8) -> Look {
        let Some(nonce) = self.in_state(r, m, ManifestState::Live).await else {
            return Look::Decided;
        };
        match self.need_of_child(r, m).await {
            Need::Needed => return Look::Decided,
            Need::Undecided => return Look::Later,
            Need::Not => {}
        }
        let since = Some(self.now - self.scenario.grace);
        if !self.does(Op::Hide(r, m, nonce, since)).await {
            return Look::Later;
        }
        match self.need_of_child(r, m).await {
            Need::Not => {
                self.end_deletion(r, m, nonce).await;
                Look::Decided
            }
            need => {
                self.restore(r, m).await;
                if need == Need::Needed {
                    Look::Decided
                } else {
                    Look::Later
                }
            }
        }
    }

    async fn need_of_child(&self, r: u8, m: u8) -> Need {
        let by_edges = self.need(r, Target::Manifest(m)).await;
        let Answer::Tags(tags) = self.call(Op::TagsOf(r, m)).await else {
            unreachable!()
        };
        by_edges.max(if tags.is_empty() {
            Need::Not
        } else {
            Need::Needed
        })
    }

    async fn look_at_blob(&self, d: u8) -> Look {
        let Answer::Blob(blob) = self.call(Op::Blob(d)).await else {
            unreachable!()
        };
        let Some(blob) = blob else {
            return Look::Decided;
        };
        let back_edges = self.back_edges(d).await;
        let need = back_edges
            .iter()
            .map(|(.., linked)| Need::by_back_edge(*linked))
            .max()
            .unwrap_or(Need::Not);
        match need {
            Need::Needed => Look::Decided,
            Need::Not if self.does(Op::DeleteBlob(d, blob)).await => Look::Decided,
            Need::Not | Need::Undecided => Look::Later,
        }
    }
}
