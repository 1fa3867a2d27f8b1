//! What a person is to do about a Secret that cannot be used or is gone from a platform that runs. A new one is no remedy where
//! somebody remembers the old.

use super::catalogue::{ETCD_AUTHORITY, PLATFORM_AUTHORITY, Settings};

enum Remedy {
    /// Nobody has to remember what was in it.
    Anew,
    /// The same, but these components know it from their start.
    AnewAndRestart(&'static str),
    /// Others know what was in it and nothing else; why, and where it may still be.
    AsItWas(&'static str),
}

impl Remedy {
    fn of(secret: &str) -> Self {
        match secret {
            "deis-database-creds" => Self::AsItWas(
                "the database's volume knows no other password, and its pod may still have it: deisctl dock database -- cat \
                 /var/run/secrets/deis/database/password",
            ),
            PLATFORM_AUTHORITY => {
                Self::AsItWas("who trusts the platform trusts this authority; a backup has it in secrets.json")
            }
            "deis-builder-host-keys" => {
                Self::AsItWas("with other keys nobody's git trusts the builder; a backup has them in secrets.json")
            }
            "deis-pull-key" => {
                Self::AsItWas("the apps' pull credentials come from it; a backup has it in secrets.json")
            }
            "deis-admin" => {
                Self::AsItWas("the first account was made with this password; a backup has it in secrets.json")
            }
            "deis-router-platform-cert" => {
                Self::AsItWas("deisctl init makes one of the platform's own authority when there is none")
            }
            "deis-logger-redis-creds" => Self::AnewAndRestart("logger-redis logger"),
            "deis-registry-creds" => Self::AnewAndRestart("registry builder registry-proxy"),
            ETCD_AUTHORITY => Self::AnewAndRestart("etcd state"),
            _ => Self::Anew,
        }
    }
}

/// For a Secret that lacks something, or has something that is not what it should be.
pub(super) fn of_broken(secret: &str, settings: &Settings) -> String {
    let Settings { namespace, .. } = settings;
    let delete = format!("kubectl -n {namespace} delete secret {secret} && {}", command(settings));
    match Remedy::of(secret) {
        Remedy::Anew => format!("have it made anew: {delete}"),
        Remedy::AnewAndRestart(readers) => {
            format!("have it made anew and its readers started again: {delete} && deisctl restart {readers}")
        }
        Remedy::AsItWas(why) => {
            format!("put it back as it was: kubectl -n {namespace} edit secret {secret}; do not delete it, {why}")
        }
    }
}

/// For a Secret that is not there.
pub(crate) fn of_missing(secret: &str, settings: &Settings) -> String {
    let Settings { namespace, .. } = settings;
    match Remedy::of(secret) {
        Remedy::Anew => command(settings),
        Remedy::AnewAndRestart(readers) => format!("{} && deisctl restart {readers}", command(settings)),
        Remedy::AsItWas(why) => format!(
            "make it again with what was in it, before deisctl init makes another: kubectl -n {namespace} create secret generic \
             {secret} --from-file=<key>; {why}"
        ),
    }
}

/// What makes all that is missing and renews what expires.
pub(crate) fn command(Settings { namespace, domain }: &Settings) -> String {
    format!("deisctl init --domain={domain} --namespace={namespace}")
}

#[cfg(test)]
mod tests {
    use super::super::catalogue::wanted;
    use super::*;

    fn settings() -> Settings {
        Settings { namespace: "deis".to_owned(), domain: "localhost".parse().unwrap() }
    }

    /// What stands in a volume, in users' files or in an account would not follow.
    #[test]
    fn what_others_remember_is_never_made_anew() {
        let wanted = wanted(&settings());
        let kept = wanted.iter().filter(|wanted| matches!(Remedy::of(wanted.name), Remedy::AsItWas(_)));
        let kept = kept.map(|wanted| wanted.name).collect::<Vec<_>>();
        let expected = [
            "deis-ca",
            "deis-router-platform-cert",
            "deis-builder-host-keys",
            "deis-database-creds",
            "deis-pull-key",
            "deis-admin",
        ];
        assert_eq!(kept, expected);
        for secret in kept {
            assert!(!of_broken(secret, &settings()).contains("kubectl -n deis delete"), "{secret}");
        }
    }

    #[test]
    fn each_remedy_can_be_typed() {
        let secrets = ["deis-state-tls", "deis-logger-redis-creds", "deis-database-creds"];
        let told = |secret: &str| {
            format!(
                "{secret}\n  broken: {}\n  missing: {}",
                of_broken(secret, &settings()),
                of_missing(secret, &settings())
            )
        };
        insta::assert_snapshot!(secrets.map(told).join("\n"));
    }
}
