//! A new key for tokens.

use std::io::{self, Write as _};

use anyhow::Result;
use berth_service::Service;

pub(super) async fn run(service: &Service) -> Result<()> {
    service.rotate_signing_key().await?;
    writeln!(io::stdout(), "tokens are signed with a new key")?;
    Ok(())
}
