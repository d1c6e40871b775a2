//! Members of projects: each is two items, one in the project's list and one
//! in the user's, written together.

use berth_domain::{Expect, Member, Page, ProjectId, Role, UserId, Version};
use berth_ports::{StoreError, StoreResult};

use super::key::Key;
use super::{Condition, Item, Query, Table, Update, Write, key};

pub(super) async fn put(table: &Table, member: &Member, expect: Expect) -> StoreResult<()> {
    let label = || format!("member {} of project {}", member.user, member.project);
    let write = |key| {
        let update = Update::of(key)
            .set("project", member.project.0)
            .set("user", member.user.0)
            .set("role", member.role.id())
            .set("created_at", member.created_at)
            .add("version", 1);
        let write = Write::update(update);
        match expect {
            Expect::Absent => write.when(Condition::absent()),
            Expect::Version(version) => write.when(Condition::equal("version", version.0)),
            Expect::Any => write,
        }
    };
    let [of_project, of_user] = keys(member.project, member.user);
    let done = table.transact(vec![write(of_project), write(of_user)]);
    done.await?.map_err(|_| match expect {
        Expect::Absent => StoreError::AlreadyExists(label()),
        Expect::Version(_) | Expect::Any => StoreError::Conflict(label()),
    })
}

pub(super) async fn get(
    table: &Table,
    project: ProjectId,
    user: UserId,
) -> StoreResult<Option<Member>> {
    let item = table.get(&key::member(project, user)).await?;
    item.as_ref().map(decode).transpose()
}

pub(super) async fn delete(table: &Table, project: ProjectId, user: UserId) -> StoreResult<()> {
    let [of_project, of_user] = keys(project, user);
    let writes = vec![Write::delete(of_project), Write::delete(of_user)];
    // Without conditions nothing is refused.
    table.transact(writes).await.map(|_| ())
}

/// Deletes the members of a project that is gone.
pub(super) async fn delete_all(table: &Table, project: ProjectId) -> StoreResult<()> {
    loop {
        let page = list(table, key::members(project), None, 100).await?;
        let members = page.items.iter();
        let keys = members.flat_map(|member| keys(project, member.user));
        table.write_all(Vec::new(), keys.collect()).await?;
        if !page.more {
            return Ok(());
        }
    }
}

/// Those in the list of a project or of a user, by the other's number, behind
/// `after`.
pub(super) async fn list(
    table: &Table,
    partition: String,
    after: Option<i64>,
    limit: usize,
) -> StoreResult<Page<Member>> {
    let mut query = Query::of(partition);
    if let Some(after) = after {
        query = query.after(&key::number(after));
    }
    let page = table.query(&query, limit).await?;
    Ok(Page {
        items: page.items.iter().map(decode).collect::<StoreResult<_>>()?,
        more: page.more,
    })
}

fn keys(project: ProjectId, user: UserId) -> [Key; 2] {
    [key::member(project, user), key::membership(user, project)]
}

fn decode(item: &Item) -> StoreResult<Member> {
    let role = Role::from_id(item.number("role")?);
    Ok(Member {
        project: ProjectId(item.number("project")?),
        user: UserId(item.number("user")?),
        role: role.ok_or_else(|| item.damaged("role", "there is no such role"))?,
        created_at: item.time("created_at")?,
        version: Version(item.number("version")?),
    })
}
