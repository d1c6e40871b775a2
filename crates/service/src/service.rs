//! The use cases' common ground: the ports, the settings, and what a process
//! remembers.

use std::sync::Arc;

use berth_domain::{Project, ProjectName, UploadId};
use berth_oci::{Digest, RepositoryName};
use berth_ports::Ports;

use crate::authenticate::Logins;
use crate::bodies::Bodies;
use crate::error::{Error, Result};
use crate::known_projects::KnownProjects;
use crate::proxy::ProxyState;
use crate::recent::Recent;
use crate::settings::ServiceSettings;
use crate::tokens::{KnownKeys, VerifiedTokens};
use crate::turns::Turns;

/// Every use case of Berth is a method of this. Held as `Arc<Service>`; what
/// it remembers is a cache and may be lost at any time.
#[derive(Debug)]
pub struct Service {
    pub(crate) ports: Ports,
    pub(crate) settings: ServiceSettings,
    pub(crate) keys: KnownKeys,
    pub(crate) tokens: VerifiedTokens,
    pub(crate) logins: Logins,
    pub(crate) proxy: ProxyState,
    pub(crate) projects: KnownProjects,
    pub(crate) bodies: Bodies,
    /// Manifests that pushers were promised a moment ago.
    pub(crate) promises: Recent<(RepositoryName, Digest), ()>,
    /// Arrivals that are being adopted.
    pub(crate) adoptions: Turns<UploadId>,
    /// Held by the sweep that is under way.
    pub(crate) sweeping: tokio::sync::Mutex<()>,
}

impl Service {
    /// Puts the use cases on these ports.
    pub fn new(ports: Ports, settings: ServiceSettings) -> Self {
        Self {
            ports,
            settings,
            keys: KnownKeys::default(),
            tokens: VerifiedTokens::default(),
            logins: Logins::default(),
            proxy: ProxyState::default(),
            projects: KnownProjects::default(),
            bodies: Bodies::default(),
            promises: Recent::default(),
            adoptions: Turns::default(),
            sweeping: tokio::sync::Mutex::default(),
        }
    }

    /// The ports, for what is no use case (readiness, workers).
    pub fn ports(&self) -> &Ports {
        &self.ports
    }

    /// Finds the project of a repository name; [`Error::NameUnknown`] if there
    /// is none.
    pub async fn locate(&self, repository: &RepositoryName) -> Result<Target> {
        let name = project_of(repository)?;
        let found = self.ports.projects.project(&name).await?;
        target(repository, found.map(Arc::new))
    }

    /// The same for a pull: a change of the project that another process made
    /// may count a second later.
    pub async fn locate_to_pull(&self, repository: &RepositoryName) -> Result<Target> {
        let name = project_of(repository)?;
        target(repository, self.known_project(&name).await?)
    }
}

fn project_of(repository: &RepositoryName) -> Result<ProjectName> {
    ProjectName::of(repository).ok_or_else(|| Error::NameUnknown(repository.to_string()))
}

fn target(repository: &RepositoryName, project: Option<Arc<Project>>) -> Result<Target> {
    Ok(Target {
        project: project.ok_or_else(|| Error::NameUnknown(repository.to_string()))?,
        repository: repository.clone(),
    })
}

/// A repository name within its project; the repository itself may not exist
/// yet.
#[derive(Clone, Debug)]
pub struct Target {
    /// The project.
    pub project: Arc<Project>,
    /// The full name.
    pub repository: RepositoryName,
}
