//! What a first start makes: the administrator, a project, a cache.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use anyhow::{Context as _, Result, bail};
use berth_domain::Secret;
use berth_service::{FirstStart, NewPassword, Service};
use berth_settings::{AdminPassword, DockerHubLogin, Settings, Store};

use crate::secret_file;

/// The user that the first start makes.
pub(crate) const FIRST_USER: &str = "admin";

/// The file in the data folder with a password that was generated.
pub(crate) const INITIAL_PASSWORD: &str = "initial-admin-password";

/// Sets up what there is before anybody has made anything; on a later start,
/// only renews the login of Docker Hub.
pub(super) async fn run(service: &Service, settings: &Settings) -> Result<()> {
    let dockerhub = settings.dockerhub.as_ref().map(login).transpose()?;
    if let Some((username, _)) = &dockerhub {
        tracing::warn!(
            username,
            "everyone can pull from the public project dockerhub what this Docker Hub account can, private images too"
        );
    }
    if !service.is_set_up().await? {
        let admin_password = password(service, settings).await?;
        let first = FirstStart {
            admin_password,
            dockerhub,
        };
        if service.first_start(first).await? {
            tracing::info!("first start: user admin, projects library and dockerhub");
        }
        return Ok(());
    }
    if let Some((username, token)) = &dockerhub {
        service.set_dockerhub_login(username, token).await?;
    }
    Ok(())
}

fn login(login: &DockerHubLogin) -> Result<(String, Secret)> {
    Ok((
        login.username.clone(),
        secret_file::read(&login.token_file)?,
    ))
}

async fn password(service: &Service, settings: &Settings) -> Result<NewPassword> {
    let given = match &settings.admin_password {
        Some(AdminPassword::Given(password)) => Some(password.clone()),
        Some(AdminPassword::File(path)) => Some(secret_file::read(path)?),
        None => berth_wiring::admin_password(settings).await?,
    };
    let given = match given {
        Some(password) => password,
        None if matches!(settings.store, Store::Aws(_)) => {
            bail!(
                "any instance may be the first on this store, set admin_password, admin_password_file or admin_password_secret for all of them"
            )
        }
        None => {
            let password = service.ports().secrets.random_password()?;
            let path = settings.data.join(INITIAL_PASSWORD);
            keep(&settings.data, &path, &password)
                .with_context(|| format!("{} cannot be written", path.display()))?;
            tracing::info!(file = %path.display(), "the password of user admin was generated into a file");
            // For people; a closed standard output is no reason not to serve.
            let _ = writeln!(
                io::stdout(),
                "first start: the password of user admin is in {}",
                path.display()
            );
            password
        }
    };
    NewPassword::new(given).context("the password of user admin cannot be used")
}

/// Writes a secret to a file for its owner, durably.
fn keep(folder: &Path, path: &Path, secret: &Secret) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)?;
    writeln!(file, "{}", secret.reveal())?;
    file.sync_all()?;
    File::open(folder)?.sync_all()
}
