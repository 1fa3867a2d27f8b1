use deis_api::Username;
use jiff::Timestamp;
use secrecy::SecretString;

use super::{Answer, Listed, Window};
use crate::error::Error;

/// A user.
#[derive(Clone, Debug)]
pub struct User {
    /// The name; it never changes.
    pub username: Username,
    /// The e-mail address, possibly empty.
    pub email: String,
    /// The first name, possibly empty.
    pub first_name: String,
    /// The last name, possibly empty.
    pub last_name: String,
    /// May do everything an owner can, on all apps, and see all users.
    pub is_superuser: bool,
    /// As the original kept it: true for superusers.
    pub is_staff: bool,
    /// Whether the user may log in.
    pub is_active: bool,
    /// The last login.
    pub last_login: Option<Timestamp>,
    /// When the user was made.
    pub joined: Timestamp,
}

/// A user to be made.
#[derive(Debug)]
pub struct NewUser {
    /// The name.
    pub username: Username,
    /// The e-mail address, possibly empty.
    pub email: String,
    /// The first name, possibly empty.
    pub first_name: String,
    /// The last name, possibly empty.
    pub last_name: String,
    /// The hashed password, a PHC string.
    pub password: SecretString,
}

/// SHA-256 of a token.
pub type TokenHash = [u8; 32];

/// Decides on a registration, given whether a superuser exists: `Ok(true)` makes the new user one.
pub type Admit<'a> = Box<dyn FnOnce(bool) -> Result<bool, Error> + Send + 'a>;

/// What came of removing a user.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Removal {
    /// He is gone, with his keys, his tokens and what others let him use.
    Gone,
    /// He was not there.
    Missing,
    /// He is there still, for he owns apps.
    OwnsApps,
    /// He is there still, for he owns certificates.
    OwnsCertificates,
}

/// Users and their tokens.
pub trait Accounts: Send + Sync + 'static {
    /// A user with the hashed password.
    fn user<'a>(&'a self, username: &'a Username) -> Answer<'a, Option<(User, SecretString)>>;
    /// The user whose token has this hash.
    fn user_of_token(&self, hash: TokenHash) -> Answer<'_, Option<User>>;
    /// Makes a user if `admit` says so; no other registration comes in between.
    fn register<'a>(&'a self, user: NewUser, admit: Admit<'a>) -> Answer<'a, User>;
    /// All users, or the active ones who may do everything, by name.
    fn users(&self, only_superusers: bool, window: Window) -> Answer<'_, Listed<User>>;
    /// Lets a user do everything, or not any more; answers whether he is there.
    fn set_superuser<'a>(&'a self, username: &'a Username, superuser: bool) -> Answer<'a, bool>;
    /// Gives a user another password, a PHC string; answers whether he is there.
    fn set_password<'a>(&'a self, username: &'a Username, password: SecretString) -> Answer<'a, bool>;
    /// Removes a user who owns no app and no certificate.
    fn remove_user<'a>(&'a self, username: &'a Username) -> Answer<'a, Removal>;
    /// Adds a token and notes the login; of many tokens of a user the oldest end.
    fn add_token<'a>(&'a self, username: &'a Username, hash: TokenHash) -> Answer<'a, ()>;
    /// Ends all tokens of a user and gives him this one; answers whether he is there.
    fn replace_tokens<'a>(&'a self, username: &'a Username, hash: TokenHash) -> Answer<'a, bool>;
    /// Ends all tokens of all users.
    fn end_all_tokens(&self) -> Answer<'_, ()>;
}
