//! Members of projects.

use berth_domain::{Expect, Member, Page, ProjectId, Role, UserId, Version};
use berth_ports::StoreError;
use rusqlite::{Connection, Row, params};

use super::error::SqliteResult;
use super::statement::{change, one, overread, rows};
use super::value::{Time, column_error};

pub(super) fn put(connection: &Connection, member: &Member, expect: Expect) -> SqliteResult<()> {
    let found = get(connection, member.project, member.user)?.map(|member| member.version);
    if !expect.holds(found) {
        let label = format!("member {} of project {}", member.user, member.project);
        return Err(match expect {
            Expect::Absent => StoreError::AlreadyExists(label),
            Expect::Version(_) | Expect::Any => StoreError::Conflict(label),
        }
        .into());
    }
    change(
        connection,
        "INSERT INTO members (project, user, role, created_at, version)
              VALUES (?1, ?2, ?3, ?4, 1)
         ON CONFLICT (project, user) DO UPDATE
                 SET role = excluded.role, created_at = excluded.created_at, version = version + 1",
        params![
            member.project.0,
            member.user.0,
            member.role.id(),
            Time(member.created_at)
        ],
    )?;
    Ok(())
}

pub(super) fn get(
    connection: &Connection,
    project: ProjectId,
    user: UserId,
) -> SqliteResult<Option<Member>> {
    one(
        connection,
        "SELECT *
           FROM members
          WHERE project = ?1 AND user = ?2",
        [project.0, user.0],
        decode,
    )
}

pub(super) fn delete(
    connection: &Connection,
    project: ProjectId,
    user: UserId,
) -> SqliteResult<()> {
    change(
        connection,
        "DELETE FROM members
          WHERE project = ?1 AND user = ?2",
        [project.0, user.0],
    )?;
    Ok(())
}

pub(super) fn delete_all(connection: &Connection, project: ProjectId) -> SqliteResult<()> {
    change(
        connection,
        "DELETE FROM members
          WHERE project = ?1",
        [project.0],
    )?;
    Ok(())
}

pub(super) fn of_project(
    connection: &Connection,
    project: ProjectId,
    after: Option<UserId>,
    limit: usize,
) -> SqliteResult<Page<Member>> {
    let items = rows(
        connection,
        "SELECT *
           FROM members
          WHERE project = ?1 AND user > ?2
          ORDER BY user
          LIMIT ?3",
        params![
            project.0,
            after.map_or(i64::MIN, |user| user.0),
            overread(limit)
        ],
        decode,
    )?;
    Ok(Page::from_overread(items, limit))
}

pub(super) fn of_user(
    connection: &Connection,
    user: UserId,
    after: Option<ProjectId>,
    limit: usize,
) -> SqliteResult<Page<Member>> {
    let items = rows(
        connection,
        "SELECT *
           FROM members
          WHERE user = ?1 AND project > ?2
          ORDER BY project
          LIMIT ?3",
        params![
            user.0,
            after.map_or(i64::MIN, |project| project.0),
            overread(limit)
        ],
        decode,
    )?;
    Ok(Page::from_overread(items, limit))
}

fn decode(row: &Row<'_>) -> rusqlite::Result<Member> {
    let role = Role::from_id(row.get("role")?).ok_or_else(|| column_error("no such role"))?;
    Ok(Member {
        project: ProjectId(row.get("project")?),
        user: UserId(row.get("user")?),
        role,
        created_at: row.get::<_, Time>("created_at")?.0,
        version: Version(row.get("version")?),
    })
}
