//! Who may do what: roles, resources, actions, and the one table of them.

use std::fmt;
use std::sync::Arc;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{ProjectName, UserId, UserName};

/// A role in a project, numbered as Harbor's API numbers it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    /// 1, may do all in the project.
    ProjectAdmin,
    /// 2, pushes and pulls.
    Developer,
    /// 3, pulls and looks.
    Guest,
    /// 4, a developer that also deletes and scans.
    Maintainer,
    /// 5, pulls, and sees neither members nor logs.
    LimitedGuest,
}

impl Role {
    /// Every role.
    pub const ALL: [Self; 5] = [
        Self::ProjectAdmin,
        Self::Developer,
        Self::Guest,
        Self::Maintainer,
        Self::LimitedGuest,
    ];

    /// The number in Harbor's API.
    pub const fn id(self) -> i64 {
        match self {
            Self::ProjectAdmin => 1,
            Self::Developer => 2,
            Self::Guest => 3,
            Self::Maintainer => 4,
            Self::LimitedGuest => 5,
        }
    }

    /// The role with this number.
    pub fn from_id(id: i64) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.id() == id)
    }

    /// The name in Harbor's API.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ProjectAdmin => "projectAdmin",
            Self::Developer => "developer",
            Self::Guest => "guest",
            Self::Maintainer => "maintainer",
            Self::LimitedGuest => "limitedGuest",
        }
    }
}

macro_rules! words {
    ($(#[$doc:meta])* $name:ident { $($variant:ident = $word:literal,)+ }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $name {
            $(
                #[doc = concat!("`", $word, "`")]
                $variant,
            )+
        }

        impl $name {
            /// Every value.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The word that Harbor uses.
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $word,)+
                }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str(self.as_str())
            }
        }
    };
}

words! {
    /// What an action is done to, within a project.
    Resource {
        Project = "project",
        Member = "member",
        Metadata = "metadata",
        Log = "log",
        Label = "label",
        Quota = "quota",
        Repository = "repository",
        TagRetention = "tag-retention",
        ImmutableTag = "immutable-tag",
        Configuration = "configuration",
        Robot = "robot",
        NotificationPolicy = "notification-policy",
        Scan = "scan",
        Sbom = "sbom",
        Scanner = "scanner",
        Artifact = "artifact",
        ArtifactAddition = "artifact-addition",
        Tag = "tag",
        Accessory = "accessory",
        ArtifactLabel = "artifact-label",
        PreheatPolicy = "preheat-policy",
        ExportCve = "export-cve",
    }
}

words! {
    /// What is done.
    Action {
        Create = "create",
        Read = "read",
        Update = "update",
        Delete = "delete",
        List = "list",
        Operate = "operate",
        Pull = "pull",
        Push = "push",
        Stop = "stop",
    }
}

/// One right on a project as a token carries it (`access` in the JWT).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TokenAccess {
    /// `repository`.
    #[serde(rename = "type")]
    pub kind: String,
    /// The repository's full name.
    pub name: String,
    /// Of `pull`, `push`, `delete`.
    pub actions: Vec<String>,
}

/// Who makes a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Principal {
    /// Nobody in particular.
    Anonymous,
    /// A user who gave a password.
    User(UserIdentity),
    /// The bearer of a token of ours.
    Token(Arc<TokenIdentity>),
}

/// A user as far as permissions need it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UserIdentity {
    /// Its number.
    pub id: UserId,
    /// Its name.
    pub name: UserName,
    /// Whether it may do all.
    pub sysadmin: bool,
}

/// What a verified token says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenIdentity {
    /// The user's name; empty for an anonymous token.
    pub subject: String,
    /// What it allows.
    pub access: Vec<TokenAccess>,
    /// When it was made: it does not count in a project made later.
    pub issued_at: Timestamp,
}

impl Principal {
    /// The name for logs and audit; `-` for nobody.
    pub fn name(&self) -> &str {
        match self {
            Self::Anonymous => "-",
            Self::User(user) => user.name.as_str(),
            Self::Token(token) if token.subject.is_empty() => "-",
            Self::Token(token) => &token.subject,
        }
    }

    /// Whether it may do all.
    pub const fn is_sysadmin(&self) -> bool {
        matches!(self, Self::User(user) if user.sysadmin)
    }
}

impl TokenIdentity {
    /// Whether the token was asked for with this project in mind, so that
    /// another one for it would say the same.
    pub fn speaks_of(&self, project: &ProjectName) -> bool {
        self.access.iter().any(|access| {
            access.kind == "repository" && access.name.split('/').next() == Some(project.as_str())
        })
    }

    /// Whether the token allows `action` in `project`: Harbor checks tokens by
    /// project, not by repository.
    pub fn allows(&self, project: &ProjectName, action: Action) -> bool {
        self.access.iter().any(|access| {
            access.kind == "repository"
                && access.name.split('/').next() == Some(project.as_str())
                && access
                    .actions
                    .iter()
                    .any(|allowed| allowed == action.as_str())
        })
    }
}

/// What a route asks of a principal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rule {
    /// Nothing.
    Anyone,
    /// A login.
    Login,
    /// System administrators only.
    Sysadmin,
    /// The user itself, or a system administrator.
    SelfOrSysadmin,
    /// A right in the project that the request names.
    Project(Resource, Action),
    /// The right to see whatever the list shows; the handler filters.
    Filtered,
    /// Being an instance over the same stores.
    Instance,
}

impl fmt::Display for Rule {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Anyone => formatter.write_str("anyone"),
            Self::Login => formatter.write_str("login"),
            Self::Sysadmin => formatter.write_str("sysadmin"),
            Self::SelfOrSysadmin => formatter.write_str("self or sysadmin"),
            Self::Project(resource, action) => write!(formatter, "{resource}:{action}"),
            Self::Filtered => formatter.write_str("filtered"),
            Self::Instance => formatter.write_str("instance"),
        }
    }
}
