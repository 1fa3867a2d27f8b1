//! The one place where a user's authority is decided.

use deis_api::Username;

use crate::error::Error;
use crate::ledger::{App, User};

/// Who asks.
#[derive(Clone, Debug)]
pub enum Actor {
    /// Nobody that we know.
    Anonymous,
    /// A user.
    User(User),
}

/// What is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verb {
    /// To see it.
    Read,
    /// To change or deploy it, or to push to it.
    Change,
    /// To create one.
    Create,
    /// To destroy it, to give it away, to take from it what it has, or to say who else may use it.
    Control,
}

/// What it is asked of.
#[derive(Clone, Copy, Debug)]
pub enum Object<'a> {
    /// One app with everything in it.
    App(&'a App),
    /// A user's permission to use an app.
    Collaborator(&'a App, &'a Username),
    /// Apps as such.
    Apps,
    /// The actor's own record, keys and tokens.
    Own,
    /// A user's account: its tokens, its password, its end.
    Account(&'a Username),
    /// All users, and who of them may do everything.
    Users,
    /// A certificate of this user's.
    Certificate(&'a Username),
}

/// May the actor do this? Answers the user he is.
///
/// # Errors
/// [`Error::NotAuthenticated`] for nobody, [`Error::Forbidden`] for somebody else.
pub fn authorise<'a>(actor: &'a Actor, verb: Verb, object: Object<'_>) -> Result<&'a User, Error> {
    let Actor::User(user) = actor else { return Err(Error::NotAuthenticated) };
    let allowed = match (verb, object) {
        (Verb::Read | Verb::Change, Object::App(app)) => {
            user.is_superuser || app.owner == user.username || app.collaborators.contains(&user.username)
        }
        (Verb::Control, Object::App(app)) => user.is_superuser || app.owner == user.username,
        // Everybody may give up what he was given.
        (Verb::Control, Object::Collaborator(app, collaborator)) => {
            user.is_superuser || app.owner == user.username || *collaborator == user.username
        }
        // An app to be created has no owner yet: it is asked of `Apps`.
        (Verb::Create, Object::App(_)) | (Verb::Read | Verb::Change | Verb::Create, Object::Collaborator(..)) => false,
        (Verb::Control, Object::Account(account)) => user.is_superuser || *account == user.username,
        // An account is read with all others, or as one's own.
        (Verb::Read | Verb::Change | Verb::Create, Object::Account(_)) => false,
        (Verb::Read | Verb::Change | Verb::Create | Verb::Control, Object::Users) => user.is_superuser,
        // Like keys: not even administrators.
        (Verb::Read | Verb::Change | Verb::Create | Verb::Control, Object::Certificate(owner)) => {
            *owner == user.username
        }
        (Verb::Read | Verb::Change | Verb::Create | Verb::Control, Object::Apps | Object::Own) => true,
    };
    if user.is_active && allowed { Ok(user) } else { Err(Error::Forbidden) }
}

#[cfg(test)]
mod tests {
    use deis_api::ReleaseVersion;
    use jiff::Timestamp;

    use super::*;

    fn user(name: &str, is_superuser: bool, is_active: bool) -> Actor {
        Actor::User(User {
            username: name.parse().unwrap(),
            email: String::new(),
            first_name: String::new(),
            last_name: String::new(),
            is_superuser,
            is_staff: is_superuser,
            is_active,
            last_login: None,
            joined: Timestamp::UNIX_EPOCH,
        })
    }

    /// Every actor, verb and object: `1` for yes.
    #[test]
    fn the_whole_square() {
        let app = App {
            uuid: uuid::Uuid::nil(),
            id: "shop".parse().unwrap(),
            owner: "bob".parse().unwrap(),
            collaborators: ["carol".parse().unwrap()].into(),
            structure: Default::default(),
            procfile: Default::default(),
            desired_release: ReleaseVersion::FIRST,
            settings: Default::default(),
            autoscaled: Default::default(),
            allow_root: false,
            destroying: None,
            created: Timestamp::UNIX_EPOCH,
            updated: Timestamp::UNIX_EPOCH,
        };
        let carol = "carol".parse().unwrap();
        let actors = [
            ("nobody", Actor::Anonymous),
            ("owner", user("bob", false, true)),
            ("admin", user("root", true, true)),
            ("collaborator", user("carol", false, true)),
            ("stranger", user("bobby", false, true)),
            ("locked-out owner", user("bob", false, false)),
        ];
        let mut table = Vec::new();
        for (name, actor) in &actors {
            for verb in [Verb::Read, Verb::Change, Verb::Create, Verb::Control] {
                let objects = [
                    Object::App(&app),
                    Object::Collaborator(&app, &carol),
                    Object::Apps,
                    Object::Own,
                    Object::Account(&carol),
                    Object::Users,
                    Object::Certificate(&carol),
                ];
                let asked = objects.map(|object| authorise(actor, verb, object));
                let answers =
                    asked.map(|answer| answer.map_or_else(|error| error.code().to_string(), |_| "yes".to_owned()));
                table.push(format!("{name} {verb:?}: {}", answers.join(", ")));
            }
        }
        insta::assert_yaml_snapshot!(table);
    }
}
