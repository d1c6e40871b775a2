//! Projects that were read a moment ago, for pulls.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use berth_domain::{Project, ProjectName};
use jiff::SignedDuration;

use crate::error::Result;
use crate::recent::Recent;
use crate::service::Service;

/// How long a project counts as known: a change by another process is noticed
/// this much later. One by this process is noticed at once.
const FRESH: SignedDuration = SignedDuration::from_secs(1);

/// Projects that are remembered.
const SIZE: usize = 1_000;

/// What a process remembers of projects.
#[derive(Debug)]
pub(crate) struct KnownProjects {
    read: Recent<ProjectName, Arc<Project>>,
    /// How many changes there were: what was read before one is not kept.
    changes: AtomicU64,
}

impl Default for KnownProjects {
    fn default() -> Self {
        Self {
            read: Recent::of_size(SIZE),
            changes: AtomicU64::new(0),
        }
    }
}

/// Forgets a project when its change has ended, in whatever way.
#[derive(Debug)]
pub(crate) struct Changing<'a> {
    known: &'a KnownProjects,
    name: ProjectName,
}

impl KnownProjects {
    /// Notes that a project is about to change. Whoever changes it holds on to
    /// the result until the change has ended.
    pub(crate) fn changing(&self, name: &ProjectName) -> Changing<'_> {
        Changing {
            known: self,
            name: name.clone(),
        }
    }
}

impl Drop for Changing<'_> {
    fn drop(&mut self) {
        self.known.changes.fetch_add(1, Ordering::SeqCst);
        self.known.read.remove(&self.name);
    }
}

impl Service {
    /// A project as it was at most a second ago, and never as it was before a
    /// change by this process that has ended.
    pub(crate) async fn known_project(&self, name: &ProjectName) -> Result<Option<Arc<Project>>> {
        let now = self.now();
        let (known, oldest) = (&self.projects, now - FRESH);
        if let Some((_, project)) = known.read.get(name, oldest) {
            return Ok(Some(project));
        }
        let changes = known.changes.load(Ordering::SeqCst);
        let Some(project) = self.ports.projects.project(name).await? else {
            return Ok(None);
        };
        let project = Arc::new(project);
        let unchanged = |_| match known.changes.load(Ordering::SeqCst) {
            now if now == changes => Ok(Arc::clone(&project)),
            _ => Err(()),
        };
        // What may be of before a change is used once.
        let _ = known.read.update(name.clone(), now, oldest, unchanged);
        Ok(Some(project))
    }
}
