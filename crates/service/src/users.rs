//! Users: made, shown, changed, deleted.

use berth_domain::{
    Page, PasswordHash, Principal, Secret, Sequence, User, UserId, UserIdentity, UserName, Version,
    is_strong_password,
};
use berth_ports::StoreError;

use crate::error::{Error, Result};
use crate::service::Service;
use crate::walk::{PAGE, walk};

/// The first administrator: never deleted, never demoted.
pub const ADMIN: UserId = UserId(1);

/// What a user says of itself, checked.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Profile {
    email: String,
    real_name: String,
    comment: String,
}

impl Profile {
    /// Checks a profile by Harbor's rules: an email address, a full name of 1
    /// to 255 bytes without `,~#$%`, a comment of up to 30 bytes.
    pub fn new(email: String, real_name: String, comment: String) -> Result<Self> {
        let wrong = |what: &str| Err(Error::BadRequest(what.to_owned()));
        if !is_email(&email) {
            return wrong("the email address is missing or malformed");
        }
        let printable = |text: &str| !text.contains(char::is_control);
        if real_name.is_empty() || real_name.len() > 255 || !printable(&real_name) {
            return wrong("the full name must have 1 to 255 characters");
        }
        if real_name.contains([',', '~', '#', '$', '%']) {
            return wrong("the full name must have none of , ~ # $ %");
        }
        if comment.len() > 30 || !printable(&comment) {
            return wrong("the comment must have at most 30 characters");
        }
        Ok(Self {
            email,
            real_name,
            comment,
        })
    }
}

/// `local@host.name` or `local@[192.0.2.1]`.
fn is_email(text: &str) -> bool {
    let Some((local, host)) = text.rsplit_once('@') else {
        return false;
    };
    let forbidden = |c: char| c.is_whitespace() || c.is_control() || "<>()[]\\,;:@\"".contains(c);
    let is_local = local.split('.').all(|part| !part.is_empty()) && !local.contains(forbidden);
    let address = host.strip_prefix('[').and_then(|h| h.strip_suffix(']'));
    let is_host = match address {
        Some(address) => address.parse::<std::net::Ipv4Addr>().is_ok(),
        None => is_domain(host),
    };
    text.len() <= 255 && is_local && is_host
}

fn is_domain(host: &str) -> bool {
    let label = |label: &str| {
        !label.is_empty()
            && label
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b == b'-')
    };
    host.rsplit_once('.')
        .is_some_and(|(_, top)| top.len() >= 2 && top.bytes().all(|b| b.is_ascii_alphabetic()))
        && host.split('.').all(label)
}

/// A password that satisfies the rule for new ones.
#[derive(Clone, Debug)]
pub struct NewPassword(Secret);

impl NewPassword {
    /// Checks a password; [`Error::BadRequest`] for a weak one.
    pub fn new(password: Secret) -> Result<Self> {
        if is_strong_password(password.reveal()) {
            return Ok(Self(password));
        }
        Err(Error::BadRequest(
            "a password has 8 to 128 characters with an upper-case letter, a lower-case letter \
             and a digit"
                .to_owned(),
        ))
    }
}

impl Service {
    /// Makes a user that is no administrator. `AlreadyExists` from the store if
    /// name or email address is taken.
    pub async fn create_user(
        &self,
        name: UserName,
        profile: Profile,
        password: NewPassword,
    ) -> Result<User> {
        let mut id = UserId(self.ports.sequences.next(Sequence::User).await?);
        // The first number is the first administrator's, whoever comes first.
        if id == ADMIN {
            id = UserId(self.ports.sequences.next(Sequence::User).await?);
        }
        let user = self.new_user(id, name, profile, &password).await?;
        self.ports.access.create_user(&user).await?;
        Ok(user)
    }

    /// A user's record, its password hashed.
    pub(crate) async fn new_user(
        &self,
        id: UserId,
        name: UserName,
        profile: Profile,
        password: &NewPassword,
    ) -> Result<User> {
        let password = self.hash(password).await?;
        let now = self.now();
        Ok(User {
            id,
            name,
            email: profile.email,
            real_name: profile.real_name,
            comment: profile.comment,
            sysadmin: false,
            password,
            created_at: now,
            updated_at: now,
            version: Version(1),
        })
    }

    async fn hash(&self, password: &NewPassword) -> Result<PasswordHash> {
        Ok(self.ports.secrets.hash_password(&password.0).await?)
    }

    /// The user of this number; [`Error::NotFound`] if there is none.
    pub async fn user(&self, id: UserId) -> Result<User> {
        let user = self.ports.access.user_by_id(id).await?;
        user.ok_or_else(|| Error::NotFound(format!("user {id} does not exist")))
    }

    /// The user of this name; [`Error::NotFound`] if there is none.
    pub async fn user_by_name(&self, name: &str) -> Result<User> {
        let unknown = || Error::NotFound(format!("user {name:?} does not exist"));
        let parsed = name.parse::<UserName>().map_err(|_| unknown())?;
        self.ports.access.user(&parsed).await?.ok_or_else(unknown)
    }

    /// Users by number, behind `after`.
    pub async fn list_users(&self, after: Option<UserId>, limit: usize) -> Result<Page<User>> {
        Ok(self.ports.access.list_users(after, limit).await?)
    }

    /// Every user by number, up to [`WALK_LIMIT`](crate::WALK_LIMIT).
    pub async fn all_users(&self) -> Result<Vec<User>> {
        let access = &self.ports.access;
        let next = |after| {
            let access = access.clone();
            async move { access.list_users(after, PAGE).await }
        };
        walk(next, |user: &User| user.id).await
    }

    /// Changes what a user says of itself.
    pub async fn update_profile(&self, id: UserId, profile: Profile) -> Result<()> {
        let user = self.user(id).await?;
        self.store_user(User {
            email: profile.email,
            real_name: profile.real_name,
            comment: profile.comment,
            ..user
        })
        .await
    }

    /// Changes a password. Who changes its own proves that it knows the old
    /// one; [`Error::Forbidden`] if it does not.
    pub async fn change_password(
        &self,
        by: &UserIdentity,
        id: UserId,
        old: &Secret,
        new: &NewPassword,
    ) -> Result<()> {
        let user = self.user(id).await?;
        if by.id == id {
            let secrets = &self.ports.secrets;
            if !secrets.verify_password(old, &user.password).await? {
                return Err(Error::Forbidden(
                    "the current password is not right".to_owned(),
                ));
            }
            if secrets.equal(old.reveal().as_bytes(), new.0.reveal().as_bytes()) {
                return Err(Error::BadRequest(
                    "the new password is the old one, choose another".to_owned(),
                ));
            }
        }
        self.set_password(user, new).await
    }

    /// Gives a user a new password, whatever the old one: for whoever has the
    /// data folder.
    pub async fn reset_password(&self, name: &str, new: &NewPassword) -> Result<()> {
        let user = self.user_by_name(name).await?;
        self.set_password(user, new).await
    }

    async fn set_password(&self, user: User, new: &NewPassword) -> Result<()> {
        let password = self.hash(new).await?;
        self.store_user(User { password, ..user }).await
    }

    /// Makes a user an administrator or no longer one. The first one stays one:
    /// [`Error::Forbidden`].
    pub async fn set_sysadmin(&self, id: UserId, sysadmin: bool) -> Result<()> {
        let user = self.user(id).await?;
        if id == ADMIN && !sysadmin {
            return Err(Error::Forbidden(
                "the first administrator stays one".to_owned(),
            ));
        }
        self.store_user(User { sysadmin, ..user }).await
    }

    /// Deletes a user. Neither the first administrator nor who asks can be
    /// deleted: [`Error::Forbidden`].
    pub async fn delete_user(&self, by: &Principal, id: UserId) -> Result<()> {
        let is_self = matches!(by, Principal::User(by) if by.id == id);
        if id == ADMIN || is_self {
            return Err(Error::Forbidden(format!("user {id} cannot be deleted")));
        }
        let user = self.user(id).await?;
        match self.ports.access.delete_user(id, user.version).await {
            Err(StoreError::NotFound(_)) => Ok(()),
            deleted => Ok(deleted?),
        }
    }

    /// Writes a changed user over the version that was read. That ends its
    /// remembered logins.
    async fn store_user(&self, user: User) -> Result<()> {
        let user = User {
            updated_at: self.now(),
            ..user
        };
        Ok(self.ports.access.update_user(&user).await?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn profile(email: &str, real_name: &str, comment: &str) -> Result<Profile> {
        Profile::new(email.to_owned(), real_name.to_owned(), comment.to_owned())
    }

    #[test]
    fn email_addresses_need_a_domain_or_an_ip_address() {
        for email in ["a@b.cd", "ann.lee+x@mail.example.test", "a@[192.0.2.1]"] {
            assert!(profile(email, "Ann", "").is_ok(), "{email}");
        }
        for email in [
            "", "a", "a@b", "@b.cd", "a@b.c", "a b@c.de", "a@b..cd", "a@[1.2]", ".a@b.cd",
        ] {
            assert!(profile(email, "Ann", "").is_err(), "{email}");
        }
    }

    #[test]
    fn a_profile_follows_harbors_rules() {
        assert!(profile("a@b.cd", "", "").is_err());
        assert!(profile("a@b.cd", "Ann, Lee", "").is_err());
        assert!(profile("a@b.cd", &"n".repeat(256), "").is_err());
        assert!(profile("a@b.cd", "Ann", &"c".repeat(31)).is_err());
        assert!(profile("a@b.cd", "Ann", &"c".repeat(30)).is_ok());
    }
}
