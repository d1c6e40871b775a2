//! Projects. Their members are in `members`.

use async_trait::async_trait;
use berth_domain::{
    Expect, Member, Page, Project, ProjectId, ProjectName, RegistryId, UserId, Version,
};
use berth_ports::{ProjectStore, StoreError, StoreResult};

use super::item::json;
use super::{Condition, DynamoStore, Item, Query, Update, Write, key, members, registries};

/// How many repositories the project has: it stays while there is one.
pub(super) const REPOSITORIES: &str = "repositories";

#[async_trait]
impl ProjectStore for DynamoStore {
    async fn create_project(&self, project: &Project) -> StoreResult<()> {
        let number = Item::new(&key::project_number(project.id));
        let mut writes = vec![
            Write::create(encode(project)?),
            Write::create(number.set("name", project.name.as_str())),
            Write::create(Item::new(&key::listed_project(&project.name))),
        ];
        let registry = writes.len();
        writes.extend(project.registry.map(registries::used_once_more));
        let Err(refusals) = self.table.transact(writes).await? else {
            return Ok(());
        };
        match project.registry {
            Some(id) if refusals.is_refused(registry) => {
                Err(StoreError::NotFound(format!("registry {id}")))
            }
            _ => Err(StoreError::AlreadyExists(label(&project.name))),
        }
    }

    async fn project(&self, name: &ProjectName) -> StoreResult<Option<Project>> {
        let item = self.table.get(&key::project(name)).await?;
        item.as_ref().map(decode).transpose()
    }

    async fn project_by_id(&self, id: ProjectId) -> StoreResult<Option<Project>> {
        let Some(number) = self.table.get(&key::project_number(id)).await? else {
            return Ok(None);
        };
        let found = self.project(&number.parsed("name")?).await?;
        // The name may have gone to another project since.
        Ok(found.filter(|project| project.id == id))
    }

    async fn update_project(&self, project: &Project) -> StoreResult<()> {
        let update = Update::of(key::project(&project.name))
            .set("metadata", json(&project.metadata)?)
            .set("updated_at", project.updated_at)
            .add("version", 1);
        let expected = Condition::equal("id", project.id.0)
            .and(Condition::equal("version", project.version.0));
        let Err(refused) = self
            .table
            .write(Write::update(update).when(expected))
            .await?
        else {
            return Ok(());
        };
        match refused.found.as_ref().map(decode).transpose()? {
            Some(found) if found.id == project.id => {
                Err(StoreError::Conflict(label(&project.name)))
            }
            _ => Err(StoreError::NotFound(label(&project.name))),
        }
    }

    async fn delete_project(&self, name: &ProjectName, version: Version) -> StoreResult<()> {
        let Some(project) = self.project(name).await? else {
            return Err(StoreError::NotFound(label(name)));
        };
        let expected = Condition::equal("id", project.id.0)
            .and(Condition::equal("version", version.0))
            .and(Condition::equal(REPOSITORIES, 0_i64));
        let mut writes = vec![
            Write::delete(key::project(name)).when(expected),
            Write::delete(key::project_number(project.id)),
            Write::delete(key::listed_project(name)),
        ];
        writes.extend(project.registry.map(registries::used_once_less));
        if let Err(mut refusals) = self.table.transact(writes).await? {
            return Err(match refusals.found(0) {
                None => StoreError::NotFound(label(name)),
                Some(found) if decode(&found)?.version != version => {
                    StoreError::Conflict(label(name))
                }
                Some(_) => StoreError::InUse(label(name)),
            });
        }
        if let Err(error) = members::delete_all(&self.table, project.id).await {
            // They lead nowhere: the project's number never comes back.
            tracing::warn!(project = %name, %error, "members of a deleted project left");
        }
        Ok(())
    }

    async fn list_projects(
        &self,
        after: Option<&ProjectName>,
        limit: usize,
    ) -> StoreResult<Page<Project>> {
        let mut query = Query::of(key::PROJECTS);
        if let Some(after) = after {
            query = query.after(after.as_str());
        }
        let listed = self.table.query(&query, limit).await?;
        let names = listed.items.iter().map(listed_name);
        let keys = names.map(|name| Ok(key::project(&name?)));
        let keys: Vec<_> = keys.collect::<StoreResult<_>>()?;
        let found = self.table.get_all(&keys, &[]).await?;
        Ok(Page {
            items: found.iter().map(decode).collect::<StoreResult<_>>()?,
            more: listed.more,
        })
    }

    async fn put_member(&self, member: &Member, expect: Expect) -> StoreResult<()> {
        members::put(&self.table, member, expect).await
    }

    async fn member(&self, project: ProjectId, user: UserId) -> StoreResult<Option<Member>> {
        members::get(&self.table, project, user).await
    }

    async fn delete_member(&self, project: ProjectId, user: UserId) -> StoreResult<()> {
        members::delete(&self.table, project, user).await
    }

    async fn list_members(
        &self,
        project: ProjectId,
        after: Option<UserId>,
        limit: usize,
    ) -> StoreResult<Page<Member>> {
        let after = after.map(|user| user.0);
        members::list(&self.table, key::members(project), after, limit).await
    }

    async fn list_memberships(
        &self,
        user: UserId,
        after: Option<ProjectId>,
        limit: usize,
    ) -> StoreResult<Page<Member>> {
        let after = after.map(|project| project.0);
        members::list(&self.table, key::memberships(user), after, limit).await
    }
}

fn encode(project: &Project) -> StoreResult<Item> {
    Ok(Item::new(&key::project(&project.name))
        .set("id", project.id.0)
        .set("owner", project.owner.0)
        .set("registry", project.registry.map(|registry| registry.0))
        .set("metadata", json(&project.metadata)?)
        .set("created_at", project.created_at)
        .set("updated_at", project.updated_at)
        .set("version", 1_i64)
        .set(REPOSITORIES, 0_i64))
}

fn decode(item: &Item) -> StoreResult<Project> {
    Ok(Project {
        id: ProjectId(item.number("id")?),
        name: name_of(item)?,
        owner: UserId(item.number("owner")?),
        registry: item.optional("registry", Item::number)?.map(RegistryId),
        metadata: item.json("metadata")?,
        created_at: item.time("created_at")?,
        updated_at: item.time("updated_at")?,
        version: Version(item.number("version")?),
    })
}

/// The name of the project in whose partition an item is.
pub(super) fn name_of(item: &Item) -> StoreResult<ProjectName> {
    let name = item.partition_behind("P#")?.parse();
    name.map_err(|error| item.damaged("name", error))
}

/// The name of an item in the list of projects.
pub(super) fn listed_name(item: &Item) -> StoreResult<ProjectName> {
    item.parsed(key::SORT)
}

fn label(name: &ProjectName) -> String {
    format!("project {name}")
}
