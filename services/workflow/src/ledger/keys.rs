use deis_api::{KeyId, Username};
use jiff::Timestamp;
use uuid::Uuid;

use super::{Answer, Listed, Window};

/// An SSH key of a user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Key {
    /// Its identity.
    pub uuid: Uuid,
    /// Whose it is.
    pub owner: Username,
    /// The user's name for it, unique over all users.
    pub id: KeyId,
    /// The line of an `authorized_keys` file.
    pub public: String,
    /// The key as SSH sends it (RFC 4253, section 6.6), unique over all users.
    pub blob: Vec<u8>,
    /// MD5 of the blob: lower-case hex pairs with colons.
    pub fingerprint: String,
    /// When it was added.
    pub created: Timestamp,
}

/// SSH keys.
pub trait Keys: Send + Sync + 'static {
    /// A user's keys, by their text.
    fn keys<'a>(&'a self, owner: &'a Username, window: Window) -> Answer<'a, Listed<Key>>;
    /// One key of a user.
    fn key<'a>(&'a self, owner: &'a Username, id: &'a KeyId) -> Answer<'a, Option<Key>>;
    /// Adds a key. Refuses an id or a key that is taken.
    fn add_key<'a>(&'a self, key: &'a Key) -> Answer<'a, ()>;
    /// Deletes one key of a user; answers whether it was there.
    fn delete_key<'a>(&'a self, owner: &'a Username, id: &'a KeyId) -> Answer<'a, bool>;
    /// The user who has added this key.
    fn owner_of_key<'a>(&'a self, blob: &'a [u8]) -> Answer<'a, Option<Username>>;
    /// The user who has added the key with this fingerprint, if it is one user's alone: two keys can be made that have the same one.
    fn owner_of_fingerprint<'a>(&'a self, fingerprint: &'a str) -> Answer<'a, Option<Username>>;
}
