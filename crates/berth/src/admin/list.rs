//! Users and projects as tables.

use std::io::{self, Write as _};

use anyhow::Result;
use berth_service::Service;

/// How many records are read at once.
const PAGE: usize = 500;

pub(super) async fn users(service: &Service) -> Result<()> {
    let header = ["ID", "NAME", "ADMINISTRATOR", "EMAIL", "CREATED"].map(str::to_owned);
    let users = service.all_users().await?;
    let row = |user: &berth_domain::User| {
        [
            user.id.to_string(),
            user.name.to_string(),
            yes_or_no(user.sysadmin),
            user.email.clone(),
            format!("{:.0}", user.created_at),
        ]
    };
    let rows: Vec<_> = std::iter::once(header)
        .chain(users.iter().map(row))
        .collect();
    print(&rows)
}

pub(super) async fn projects(service: &Service) -> Result<()> {
    let header = ["ID", "NAME", "PUBLIC", "UPSTREAM", "CREATED"].map(str::to_owned);
    let mut rows = vec![header];
    let mut after = None;
    loop {
        let page = service.list_projects(after.as_ref(), PAGE).await?;
        for project in &page.items {
            let upstream = match project.registry {
                Some(id) => service.ports().registries.registry(id).await?,
                None => None,
            };
            rows.push([
                project.id.to_string(),
                project.name.to_string(),
                yes_or_no(project.is_public()),
                upstream.map(|registry| registry.url).unwrap_or_default(),
                format!("{:.0}", project.created_at),
            ]);
        }
        after = page.items.last().map(|project| project.name.clone());
        if !page.more || after.is_none() {
            return print(&rows);
        }
    }
}

fn yes_or_no(value: bool) -> String {
    if value { "yes" } else { "no" }.to_owned()
}

/// Prints rows with their columns aligned; an empty cell is a dash.
fn print<const N: usize>(rows: &[[String; N]]) -> Result<()> {
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max();
    let widths: [usize; N] = std::array::from_fn(|column| width(column).unwrap_or_default());
    let mut out = io::stdout().lock();
    for row in rows {
        let cells = row.iter().zip(widths).map(|(cell, width)| {
            let cell = if cell.is_empty() { "-" } else { cell };
            format!("{cell:width$}")
        });
        let line = cells.collect::<Vec<_>>().join("  ");
        writeln!(out, "{}", line.trim_end())?;
    }
    Ok(())
}
