//! The first start: what there is before anybody has made anything.

use berth_domain::{
    EndpointKind, MetadataKey, ProjectMetadata, ProjectName, RegistryEndpoint, RegistryId, Secret,
    User, UserName,
};
use berth_ports::StoreError;

use crate::error::{Error, Result};
use crate::projects::NewProject;
use crate::registries::{EndpointName, EndpointUrl, NewRegistry, RegistryChanges};
use crate::service::Service;
use crate::users::{ADMIN, NewPassword, Profile};

/// The name of the endpoint that the first start makes.
const DOCKER_HUB: &str = "Docker Hub";
const DOCKER_HUB_URL: &str = "https://hub.docker.com";
const ADMIN_NAME: &str = "admin";

/// What the first start is given.
#[derive(Clone, Debug)]
pub struct FirstStart {
    /// The password of `admin`.
    pub admin_password: NewPassword,
    /// The login at Docker Hub, if there is one.
    pub dockerhub: Option<(String, Secret)>,
}

impl Service {
    /// Whether the first start is over.
    pub async fn is_set_up(&self) -> Result<bool> {
        Ok(self.ports.access.user_by_id(ADMIN).await?.is_some())
    }

    /// Makes the endpoint of Docker Hub, the public projects `library` and
    /// `dockerhub` (a proxy project of it), and last the administrator `admin`,
    /// whose presence says that all of it is there. `false` if another start
    /// did so before or meanwhile.
    ///
    /// Any number of processes may try at once and any of them may die on the
    /// way: what is there already is taken as it is.
    pub async fn first_start(&self, first: FirstStart) -> Result<bool> {
        if self.is_set_up().await? {
            return Ok(false);
        }
        let hub = self.ensure_docker_hub(first.dockerhub).await?;
        self.ensure_public_project("library", None).await?;
        self.ensure_public_project("dockerhub", Some(hub)).await?;
        let name = name::<UserName>(ADMIN_NAME)?;
        let user = self
            .new_user(ADMIN, name, Profile::default(), &first.admin_password)
            .await?;
        let admin = User {
            sysadmin: true,
            real_name: "system admin".to_owned(),
            ..user
        };
        match self.ports.access.create_user(&admin).await {
            Ok(()) => Ok(true),
            Err(StoreError::AlreadyExists(_)) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    /// Gives the endpoint that the first start made this login, if it has
    /// another. So a login that is set later, or renewed, counts from the next
    /// start on; one that is no longer set stays until an administrator takes
    /// it away. An endpoint that was deleted or renamed is left alone.
    pub async fn set_dockerhub_login(&self, username: &str, password: &Secret) -> Result<()> {
        match self.renew_dockerhub_login(username, password).await {
            // Another instance that starts was faster, likely with the same.
            Err(Error::Store(StoreError::Conflict(_))) => {
                self.renew_dockerhub_login(username, password).await
            }
            renewed => renewed,
        }
    }

    async fn renew_dockerhub_login(&self, username: &str, password: &Secret) -> Result<()> {
        let Some(hub) = self.docker_hub().await? else {
            tracing::warn!("no registry endpoint is named Docker Hub, its login is not used");
            return Ok(());
        };
        let held = self.opened(&hub)?;
        let same = held.is_some_and(|(held_name, held_password)| {
            let (held, given) = (held_password.reveal(), password.reveal());
            held_name == username && self.ports.secrets.equal(held.as_bytes(), given.as_bytes())
        });
        if same {
            return Ok(());
        }
        let changes = RegistryChanges {
            username: Some(username.to_owned()),
            password: Some(password.clone()),
            ..RegistryChanges::default()
        };
        let changed = self.changed_registry(hub, changes)?;
        Ok(self.ports.registries.update_registry(&changed).await?)
    }

    async fn docker_hub(&self) -> Result<Option<RegistryEndpoint>> {
        let all = self.all_registries().await?;
        Ok(all.into_iter().find(|endpoint| endpoint.name == DOCKER_HUB))
    }

    async fn ensure_docker_hub(&self, credential: Option<(String, Secret)>) -> Result<RegistryId> {
        if let Some(hub) = self.docker_hub().await? {
            return Ok(hub.id);
        }
        let new = NewRegistry {
            name: EndpointName::parse(DOCKER_HUB.to_owned())?,
            description: "Made at the first start, for the project dockerhub".to_owned(),
            kind: EndpointKind::DockerHub,
            url: EndpointUrl::parse(DOCKER_HUB_URL)?,
            credential,
            insecure: false,
        };
        match self.store_registry(new).await {
            Ok(hub) => Ok(hub.id),
            Err(Error::Store(StoreError::AlreadyExists(_))) => {
                let made = self.docker_hub().await?.map(|hub| hub.id);
                made.ok_or_else(|| StoreError::Conflict(DOCKER_HUB.to_owned()).into())
            }
            Err(error) => Err(error),
        }
    }

    async fn ensure_public_project(&self, text: &str, registry: Option<RegistryId>) -> Result<()> {
        let name = name::<ProjectName>(text)?;
        if self.ports.projects.project(&name).await?.is_some() {
            return Ok(());
        }
        let new = NewProject {
            name,
            metadata: ProjectMetadata::from([(MetadataKey::Public, "true".to_owned())]),
            registry,
        };
        match self.store_project(ADMIN, new).await {
            Ok(_) | Err(Error::Store(StoreError::AlreadyExists(_))) => Ok(()),
            Err(error) => Err(error),
        }
    }
}

/// A name of ours that is well formed.
fn name<T: std::str::FromStr<Err: std::fmt::Display>>(text: &str) -> Result<T> {
    text.parse()
        .map_err(|error: T::Err| Error::BadRequest(error.to_string()))
}
