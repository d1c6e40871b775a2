//! What is in a world, without what differs between two that are the same:
//! numbers, ids, times.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::time::Duration;

use berth_domain::{EdgeTarget, Project, RunKind, User};
use berth_oci::RepositoryName;
use berth_ports::{Clock as _, Ports};

use crate::berth::Berth;
use crate::world::{HASH, NAMES};

const ALL: usize = 1_000;

/// Lines in order, one for each record.
pub(crate) type Dump = BTreeSet<String>;

/// The lines that only one of two has.
pub(crate) fn difference(found: &Dump, expected: &Dump) -> String {
    let mut text = String::new();
    for line in found.difference(expected) {
        writeln!(text, "  + {line}").unwrap();
    }
    for line in expected.difference(found) {
        writeln!(text, "  - {line}").unwrap();
    }
    text
}

impl Berth {
    /// What clients can come to see, once all that waits to be done is done.
    pub(crate) async fn settled(&self) -> Dump {
        let copy = self.world.berth();
        copy.settle().await;
        copy.dump().await
    }

    /// What is there once sweeps have come by.
    pub(crate) async fn swept(&self) -> Dump {
        let copy = self.world.berth();
        copy.settle().await;
        copy.sweep().await;
        copy.dump().await
    }

    /// What clients can come to see.
    pub(crate) async fn dump(&self) -> Dump {
        let mut dump = Dump::new();
        self.people(&mut dump).await;
        self.registries(&mut dump).await;
        for name in self.repositories(&mut dump).await {
            self.manifests(&name, &mut dump).await;
            self.links(&name, &mut dump).await;
        }
        let blobs = self.ports().links.list_blobs(None, ALL).await.unwrap();
        dump.extend(
            blobs
                .items
                .iter()
                .map(|b| format!("blob {} {}", b.digest, b.size)),
        );
        let keys = self.ports().access.signing_keys().await.unwrap();
        dump.insert(format!("no signing key: {}", keys.is_empty()));
        self.runs(&mut dump).await;
        let buried = self.ports().queue.buried().await.unwrap();
        dump.insert(format!("{buried} dead letters"));
        dump
    }

    /// Not how many: whoever starts one twice gets two.
    async fn runs(&self, dump: &mut Dump) {
        let runs = &self.ports().runs;
        let kind = RunKind::GarbageCollection;
        if let Some(schedule) = runs.schedule(kind).await.unwrap() {
            dump.insert(format!(
                "schedule {:?} {:?}",
                schedule.cadence, schedule.options
            ));
        }
        for run in runs.list_runs(kind, None, ALL).await.unwrap().items {
            let ended = run.status.is_final();
            dump.insert(format!(
                "run {:?} {:?} ended:{ended}",
                run.trigger, run.options
            ));
        }
    }

    async fn people(&self, dump: &mut Dump) {
        let Ports {
            access,
            projects,
            registries,
            ..
        } = self.ports();
        let users = access.list_users(None, ALL).await.unwrap().items;
        for user in &users {
            let User {
                name,
                email,
                real_name,
                comment,
                sysadmin,
                password,
                ..
            } = user;
            let changed = password.0 != HASH;
            dump.insert(format!(
                "user {name} {email} {real_name} {comment:?} admin:{sysadmin} changed:{changed}"
            ));
        }
        for project in projects.list_projects(None, ALL).await.unwrap().items {
            let Project {
                id,
                name,
                owner,
                registry,
                metadata,
                ..
            } = &project;
            let upstream = match registry {
                Some(id) => registries.registry(*id).await.unwrap().map(|one| one.name),
                None => None,
            };
            dump.insert(format!(
                "project {name} of {owner} {upstream:?} {metadata:?}"
            ));
            let members = projects.list_members(*id, None, ALL).await.unwrap().items;
            for member in members {
                let user = users.iter().find(|user| user.id == member.user);
                let user = user.map(|user| user.name.to_string());
                dump.insert(format!("member {name} {user:?} {:?}", member.role));
            }
        }
    }

    async fn registries(&self, dump: &mut Dump) {
        let registries = &self.ports().registries;
        for registry in registries.list_registries(None, ALL).await.unwrap().items {
            let login = registry.credential.map(|login| login.username);
            let (name, kind, text) = (registry.name, registry.kind, registry.description);
            let (url, insecure) = (registry.url, registry.insecure);
            dump.insert(format!(
                "registry {name} {kind:?} {url} {login:?} {text:?} insecure:{insecure}"
            ));
        }
    }

    /// The names of all repositories, and of those that may have no record.
    async fn repositories(&self, dump: &mut Dump) -> BTreeSet<RepositoryName> {
        let repositories = &self.ports().repositories;
        let listed = repositories
            .list_repositories(None, None, ALL)
            .await
            .unwrap();
        let mut names: BTreeSet<_> = NAMES.iter().map(|name| name.parse().unwrap()).collect();
        for repository in listed.items {
            let (name, text) = (&repository.name, repository.description);
            dump.insert(format!("repository {name} {text:?}"));
            names.insert(repository.name);
        }
        names
    }

    async fn manifests(&self, name: &RepositoryName, dump: &mut Dump) {
        let Ports {
            manifests, tags, ..
        } = self.ports();
        let listed = manifests
            .list_manifests(name, None, ALL)
            .await
            .unwrap()
            .items;
        for manifest in listed {
            let digest = manifest.digest;
            dump.insert(format!(
                "manifest {name} {digest} {} {}",
                manifest.size, manifest.media_type
            ));
            let referrers = manifests
                .referrers(name, digest, None, None, ALL)
                .await
                .unwrap();
            for referrer in referrers.items {
                dump.insert(format!("referrer {name} {digest} {}", referrer.digest));
            }
        }
        for tag in tags.list_tags(name, None, ALL).await.unwrap().items {
            let digest = tags.tag(name, &tag).await.unwrap().unwrap().digest;
            dump.insert(format!("tag {name} {tag} {digest}"));
        }
    }

    async fn links(&self, name: &RepositoryName, dump: &mut Dump) {
        let links = &self.ports().links;
        for link in links.list_links(name, None, ALL).await.unwrap().items {
            dump.insert(format!("link {name} {} {}", link.digest, link.size));
        }
    }

    /// What should be gone once sweeps have come by.
    pub(crate) async fn leftovers(&self) -> Dump {
        let mut left = Dump::new();
        let Ports {
            uploads,
            outbox,
            repositories,
            ..
        } = self.ports();
        let later = self.world.clock.now() + Duration::from_secs(1);
        for session in uploads.idle_uploads(later, ALL).await.unwrap().items {
            left.insert(format!("session {}", session.id));
        }
        for envelope in outbox.unsent(later, ALL).await.unwrap() {
            left.insert(format!("unsent {envelope:?}"));
        }
        let listed = repositories
            .list_repositories(None, None, ALL)
            .await
            .unwrap();
        let mut named = BTreeSet::new();
        for name in listed.items.iter().map(|repository| &repository.name) {
            let unfinished = repositories
                .unfinished_manifests(name, None, ALL)
                .await
                .unwrap();
            left.extend(
                unfinished
                    .items
                    .iter()
                    .map(|one| format!("unfinished {name} {one:?}")),
            );
            self.edges(name, &mut left).await;
            let manifests = &self.ports().manifests;
            for listed in manifests
                .list_manifests(name, None, ALL)
                .await
                .unwrap()
                .items
            {
                let whole = manifests.manifest(name, listed.digest).await.unwrap();
                if let Some(berth_domain::ManifestContent::Object(key)) = whole.map(|m| m.content) {
                    named.insert(key);
                }
            }
        }
        for blob in self
            .ports()
            .links
            .list_blobs(None, ALL)
            .await
            .unwrap()
            .items
        {
            named.insert(blob.key);
            let back = self
                .ports()
                .links
                .back_edges(blob.digest, None, ALL)
                .await
                .unwrap();
            for edge in back.items.iter().filter(|edge| !edge.linked) {
                left.insert(format!("back-edge {} {}", blob.digest, edge.repository));
            }
        }
        let objects = self.world.blobs.keys();
        let nameless = objects.iter().filter(|key| !named.contains(key));
        left.extend(nameless.map(|key| format!("object {key}")));
        left
    }

    /// Edges of manifests that are not there.
    async fn edges(&self, name: &RepositoryName, left: &mut Dump) {
        let Ports {
            manifests, links, ..
        } = self.ports();
        let blobs = links.list_links(name, None, ALL).await.unwrap().items;
        let children = manifests
            .list_manifests(name, None, ALL)
            .await
            .unwrap()
            .items;
        let targets = blobs.iter().map(|link| EdgeTarget::Blob(link.digest));
        let targets = targets.chain(children.iter().map(|one| EdgeTarget::Manifest(one.digest)));
        for target in targets {
            for edge in manifests
                .edges(name, target, None, ALL)
                .await
                .unwrap()
                .items
            {
                let state = manifests.manifest_state(name, edge.manifest).await.unwrap();
                if state.is_none_or(|(_, nonce)| nonce != edge.nonce) {
                    left.insert(format!("edge {name} {} {target:?}", edge.manifest));
                }
            }
        }
    }
}
