//! Registry endpoints: the upstreams of proxy projects.

use std::time::Duration;

use berth_domain::{
    EndpointKind, RegistryEndpoint, RegistryId, Remote, SealedCredential, Secret, Sequence, Version,
};
use futures_util::future::{Either, select};
use url::Url;

use crate::error::{Error, Result};
use crate::proxy::credential_context;
use crate::service::Service;
use crate::walk::{PAGE, walk};

/// How long a registry may take to show that it is there.
const PATIENCE: Duration = Duration::from_secs(10);
/// The number of an endpoint that is only tried.
const UNKEPT: RegistryId = RegistryId(0);
/// Bytes of a URL.
const MAX_URL: usize = 255;

/// A registry's address in the form that is stored: scheme, host, path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EndpointUrl(String);

impl EndpointUrl {
    /// Parses an address by Harbor's rules: `http://` is implied, slashes at
    /// the end, user, query and fragment go; [`Error::BadRequest`] for what is
    /// no HTTP address.
    pub fn parse(text: &str) -> Result<Self> {
        let wrong = || Error::BadRequest("the registry's url is no http or https URL".to_owned());
        let text = text.trim();
        let whole = if text.contains("://") {
            text.to_owned()
        } else {
            format!("http://{text}")
        };
        let mut url = Url::parse(&whole).map_err(|_| wrong())?;
        if !matches!(url.scheme(), "http" | "https") || text.len() > MAX_URL {
            return Err(wrong());
        }
        url.set_query(None);
        url.set_fragment(None);
        url.set_username("").map_err(|()| wrong())?;
        url.set_password(None).map_err(|()| wrong())?;
        Ok(Self(url.as_str().trim_end_matches('/').to_owned()))
    }
}

/// A registry endpoint's name: 1 to 64 bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EndpointName(String);

impl EndpointName {
    /// Checks a name; [`Error::BadRequest`] for an empty or overlong one.
    pub fn parse(text: String) -> Result<Self> {
        if text.is_empty() || text.len() > 64 || text.contains(char::is_control) {
            let rule = "a registry's name has 1 to 64 characters";
            return Err(Error::BadRequest(rule.to_owned()));
        }
        Ok(Self(text))
    }
}

/// A registry endpoint as someone describes it, the login in the clear.
#[derive(Clone, Debug)]
pub struct NewRegistry {
    /// Its name, unique.
    pub name: EndpointName,
    /// A note.
    pub description: String,
    /// Its kind.
    pub kind: EndpointKind,
    /// Its address.
    pub url: EndpointUrl,
    /// Its login: account and password or token.
    pub credential: Option<(String, Secret)>,
    /// Whether its certificate goes unchecked.
    pub insecure: bool,
}

/// Changes of an endpoint; what is `None` stays.
#[derive(Clone, Debug, Default)]
pub struct RegistryChanges {
    /// Its name.
    pub name: Option<EndpointName>,
    /// A note.
    pub description: Option<String>,
    /// Its kind.
    pub kind: Option<EndpointKind>,
    /// Its address.
    pub url: Option<EndpointUrl>,
    /// The account of its login; empty for none.
    pub username: Option<String>,
    /// The password of its login.
    pub password: Option<Secret>,
    /// Whether its certificate goes unchecked.
    pub insecure: Option<bool>,
}

impl Service {
    /// Makes an endpoint if the registry is there and takes the login, else
    /// [`Error::BadRequest`].
    pub async fn create_registry(&self, new: NewRegistry) -> Result<RegistryEndpoint> {
        let credential = new.credential.clone();
        self.ping_unknown_registry(new.kind, &new.url, credential, new.insecure)
            .await?;
        self.store_registry(new).await
    }

    /// Stores an endpoint, unseen.
    pub(crate) async fn store_registry(&self, new: NewRegistry) -> Result<RegistryEndpoint> {
        let id = RegistryId(self.ports.sequences.next(Sequence::Registry).await?);
        let now = self.now();
        let endpoint = RegistryEndpoint {
            id,
            name: new.name.0,
            description: new.description,
            kind: new.kind,
            url: new.url.0,
            credential: self.sealed(id, new.credential)?,
            insecure: new.insecure,
            created_at: now,
            updated_at: now,
            version: Version(1),
        };
        self.ports.registries.create_registry(&endpoint).await?;
        Ok(endpoint)
    }

    fn sealed(
        &self,
        id: RegistryId,
        credential: Option<(String, Secret)>,
    ) -> Result<Option<SealedCredential>> {
        let seal = |(username, password): (String, Secret)| {
            let context = credential_context(id);
            let password = self.ports.secrets.seal(&password, &context)?;
            Ok(SealedCredential { username, password })
        };
        credential.map(seal).transpose()
    }

    /// An endpoint's login, opened.
    pub(crate) fn opened(&self, endpoint: &RegistryEndpoint) -> Result<Option<(String, Secret)>> {
        let open = |login: &SealedCredential| {
            let context = credential_context(endpoint.id);
            let password = self.ports.secrets.open(&login.password, &context)?;
            Ok((login.username.clone(), password))
        };
        endpoint.credential.as_ref().map(open).transpose()
    }

    /// The endpoint; [`Error::NotFound`] if there is none.
    pub async fn registry(&self, id: RegistryId) -> Result<RegistryEndpoint> {
        let found = self.ports.registries.registry(id).await?;
        found.ok_or_else(|| Error::NotFound(format!("registry {id} does not exist")))
    }

    /// Every endpoint by number, up to [`WALK_LIMIT`](crate::WALK_LIMIT).
    pub async fn all_registries(&self) -> Result<Vec<RegistryEndpoint>> {
        let registries = &self.ports.registries;
        let next = |after| {
            let registries = registries.clone();
            async move { registries.list_registries(after, PAGE).await }
        };
        walk(next, |endpoint: &RegistryEndpoint| endpoint.id).await
    }

    /// Changes an endpoint if the registry is there then and takes the login.
    pub async fn update_registry(&self, id: RegistryId, changes: RegistryChanges) -> Result<()> {
        let endpoint = self.registry(id).await?;
        let changed = self.changed_registry(endpoint, changes)?;
        self.try_registry(&changed.remote(self.opened(&changed)?))
            .await?;
        Ok(self.ports.registries.update_registry(&changed).await?)
    }

    /// An endpoint with changes made to it, not stored.
    pub(crate) fn changed_registry(
        &self,
        endpoint: RegistryEndpoint,
        changes: RegistryChanges,
    ) -> Result<RegistryEndpoint> {
        let credential = self.changed_credential(&endpoint, &changes)?;
        Ok(RegistryEndpoint {
            name: changes.name.map_or(endpoint.name, |name| name.0),
            description: changes.description.unwrap_or(endpoint.description),
            kind: changes.kind.unwrap_or(endpoint.kind),
            url: changes.url.map_or(endpoint.url, |url| url.0),
            insecure: changes.insecure.unwrap_or(endpoint.insecure),
            credential: self.sealed(endpoint.id, credential)?,
            updated_at: self.now(),
            ..endpoint
        })
    }

    /// The login after the changes. A stored password is never sent to another
    /// address than the one it was given for, nor for another account.
    fn changed_credential(
        &self,
        endpoint: &RegistryEndpoint,
        changes: &RegistryChanges,
    ) -> Result<Option<(String, Secret)>> {
        let (held_name, held_password) = self.opened(endpoint)?.unzip();
        let moves = changes
            .url
            .as_ref()
            .is_some_and(|url| url.0 != endpoint.url);
        let username = changes.username.clone().or(held_name.clone());
        let renames = username != held_name;
        let password = match &changes.password {
            None if moves || renames => None,
            None => held_password,
            given => given.clone(),
        };
        let username = username.filter(|name| !name.is_empty());
        Ok(username.zip(password.filter(|password| !password.reveal().is_empty())))
    }

    /// Deletes an endpoint; `InUse` from the store while a proxy project has it
    /// as its upstream.
    pub async fn delete_registry(&self, id: RegistryId) -> Result<()> {
        Ok(self.ports.registries.delete_registry(id).await?)
    }

    /// Asks a registry that is kept whether it is there, with changes tried.
    pub async fn ping_registry(&self, id: RegistryId, changes: RegistryChanges) -> Result<()> {
        let endpoint = self.registry(id).await?;
        let tried = self.changed_registry(endpoint, changes)?;
        self.try_registry(&tried.remote(self.opened(&tried)?)).await
    }

    /// Asks a registry that is not kept whether it is there.
    pub async fn ping_unknown_registry(
        &self,
        kind: EndpointKind,
        url: &EndpointUrl,
        credential: Option<(String, Secret)>,
        insecure: bool,
    ) -> Result<()> {
        self.try_registry(&Remote::new(UNKEPT, kind, &url.0, credential, insecure))
            .await
    }

    /// [`Error::BadRequest`] with what is wrong if a registry is not there or
    /// refuses the login.
    async fn try_registry(&self, remote: &Remote) -> Result<()> {
        let tried = Remote {
            id: UNKEPT,
            ..remote.clone()
        };
        let ping = self.ports.upstream.ping(&tried);
        let late = self.ports.clock.sleep(PATIENCE);
        let why = match select(ping, late).await {
            Either::Left((Ok(()), _)) => return Ok(()),
            Either::Left((Err(error), _)) => error.to_string(),
            Either::Right(_) => "it did not answer in time".to_owned(),
        };
        Err(Error::BadRequest(format!(
            "the registry is unhealthy: {why}"
        )))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_stored_without_what_does_not_belong_to_it() {
        for (given, stored) in [
            ("https://hub.docker.com", "https://hub.docker.com"),
            (" https://r.test/ ", "https://r.test"),
            ("r.test:5000", "http://r.test:5000"),
            ("https://ann:secret@r.test/x/?q=1#f", "https://r.test/x"),
        ] {
            assert_eq!(EndpointUrl::parse(given).unwrap().0, stored, "{given}");
        }
        for given in ["", "/", "ftp://r.test", "http://", "file:///etc/passwd"] {
            assert!(EndpointUrl::parse(given).is_err(), "{given}");
        }
    }
}
