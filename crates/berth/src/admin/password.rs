//! A new password for a user.

use std::fs;
use std::io::{self, Write as _};
use std::path::Path;

use anyhow::{Context as _, Result};
use berth_service::{NewPassword, Service};

use crate::secret_file;
use crate::serve::{FIRST_USER, INITIAL_PASSWORD};

pub(super) async fn reset(
    service: &Service,
    data: &Path,
    user: &str,
    file: Option<&Path>,
) -> Result<()> {
    let password = match file {
        Some(file) => secret_file::read(file)?,
        None => service.ports().secrets.random_password()?,
    };
    let new = NewPassword::new(password.clone())?;
    service
        .reset_password(user, &new)
        .await
        .with_context(|| format!("the password of user {user} stays as it is"))?;
    if user == FIRST_USER {
        // It holds the old password; it may never have been there.
        let _ = fs::remove_file(data.join(INITIAL_PASSWORD));
    }
    match file {
        Some(_) => writeln!(io::stdout(), "user {user} has a new password")?,
        None => writeln!(io::stdout(), "{}", password.reveal())?,
    }
    Ok(())
}
