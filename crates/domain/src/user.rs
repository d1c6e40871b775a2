//! Users and members.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use jiff::Timestamp;

use crate::{ProjectId, Role, UserId, Version};

/// A user's name: at most 255 characters, no control characters, none of
/// `,"~#%$`, no colon (HTTP Basic cannot carry one), not blank at either end.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UserName(Arc<str>);

/// Why a text is no user name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a user name has 1 to 255 characters and none of , \" ~ # % $ :")]
pub struct UserNameError;

impl UserName {
    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for UserName {
    type Err = UserNameError;

    fn from_str(text: &str) -> Result<Self, UserNameError> {
        let forbidden = |c: char| c.is_control() || ",\"~#%$:".contains(c);
        if text.is_empty() || text.len() > 255 || text.trim() != text || text.contains(forbidden) {
            return Err(UserNameError);
        }
        Ok(Self(text.into()))
    }
}

impl fmt::Display for UserName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl fmt::Debug for UserName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&*self.0, formatter)
    }
}

/// Whether `password` satisfies Harbor's rule: 8 to 128 characters with an
/// upper-case letter, a lower-case letter and a digit.
pub fn is_strong_password(password: &str) -> bool {
    (8..=128).contains(&password.chars().count())
        && password.chars().any(|c| c.is_ascii_uppercase())
        && password.chars().any(|c| c.is_ascii_lowercase())
        && password.chars().any(|c| c.is_ascii_digit())
}

/// A password's hash in PHC form. `Debug` hides it.
#[derive(Clone, PartialEq, Eq)]
pub struct PasswordHash(pub String);

impl fmt::Debug for PasswordHash {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("PasswordHash(..)")
    }
}

/// A user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User {
    /// Its number.
    pub id: UserId,
    /// Its name, unique among users that are not deleted.
    pub name: UserName,
    /// Its address, unique if not empty.
    pub email: String,
    /// Its full name.
    pub real_name: String,
    /// A note.
    pub comment: String,
    /// Whether it may do all.
    pub sysadmin: bool,
    /// Its password.
    pub password: PasswordHash,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
    /// Raised by each write; a remembered login is bound to it.
    pub version: Version,
}

/// A user's role in a project. At most one a user and project.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    /// The project.
    pub project: ProjectId,
    /// The user.
    pub user: UserId,
    /// Its role.
    pub role: Role,
    /// When it was first given one.
    pub created_at: Timestamp,
    /// Raised by each write.
    pub version: Version,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn user_names_follow_harbors_rule() {
        for name in ["admin", "Ann Lee", "ann@example.test", "é"] {
            assert!(name.parse::<UserName>().is_ok(), "{name}");
        }
        for name in [
            "", " a", "a,b", "a\"", "a~", "a#", "a%", "a$", "a:b", "a\nb",
        ] {
            assert_eq!(name.parse::<UserName>(), Err(UserNameError), "{name}");
        }
    }

    #[test]
    fn passwords_follow_harbors_rule() {
        assert!(is_strong_password("Harbor12345"));
        for password in ["", "Short1a", "alllower1", "ALLUPPER1", "NoDigitsHere"] {
            assert!(!is_strong_password(password), "{password}");
        }
        assert!(!is_strong_password(&format!("Aa1{}", "x".repeat(126))));
    }
}
