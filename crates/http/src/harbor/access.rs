//! Whether a route's rule allows a call: the only place of this API that asks.

use berth_domain::{Principal, Project, ProjectId, Rule};
use berth_service::{Error, ProjectReference};

use super::call::Call;
use super::{HarborError, Result};

impl Call {
    /// Checks the rule, and finds the project if the rule is about one.
    ///
    /// As in Harbor, who is not logged in learns nothing: 401, whether what is
    /// asked for exists or not.
    pub(super) async fn authorize(&self, rule: Rule) -> Result<Option<Project>> {
        let user = match &self.principal {
            Principal::User(user) => Some(user),
            _ => None,
        };
        let allowed = match rule {
            Rule::Anyone | Rule::Filtered => return Ok(None),
            Rule::Project(..) => return self.authorize_in_project(rule).await.map(Some),
            Rule::Login => user.is_some(),
            Rule::Sysadmin => self.principal.is_sysadmin(),
            // None of Harbor's routes.
            Rule::Instance => false,
            Rule::SelfOrSysadmin => {
                let is_self = match user {
                    Some(user) => self.number("user_id")? == user.id.0,
                    None => false,
                };
                is_self || self.principal.is_sysadmin()
            }
        };
        match (allowed, user) {
            (true, _) => Ok(None),
            (false, None) => Err(HarborError::unauthorized()),
            (false, Some(_)) => Err(HarborError::forbidden()),
        }
    }

    async fn authorize_in_project(&self, rule: Rule) -> Result<Project> {
        let anonymous = self.principal == Principal::Anonymous;
        let Rule::Project(resource, action) = rule else {
            return Err(HarborError::forbidden());
        };
        let project = match self.service().project(&self.project_reference()).await {
            Err(Error::NotFound(_)) if anonymous => return Err(HarborError::unauthorized()),
            project => project?,
        };
        let service = self.service();
        match service
            .allows(&self.principal, &project, resource, action)
            .await?
        {
            true => Ok(project),
            false if anonymous => Err(HarborError::unauthorized()),
            false => Err(HarborError::forbidden()),
        }
    }

    /// The project that a request names: by number or name in the path, where
    /// `X-Is-Resource-Name` says that digits are a name, or by name.
    fn project_reference(&self) -> ProjectReference {
        if let Some(text) = self.path_if_any("project_name_or_id") {
            return match text.parse() {
                Ok(id) if !self.header_flag("x-is-resource-name") => {
                    ProjectReference::Id(ProjectId(id))
                }
                _ => ProjectReference::Name(text.to_owned()),
            };
        }
        let name = match self.path_if_any("project_name") {
            Some(name) => name.to_owned(),
            None => self.query("project_name").unwrap_or_default(),
        };
        ProjectReference::Name(name)
    }
}
