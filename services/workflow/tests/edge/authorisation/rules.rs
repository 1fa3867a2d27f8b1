//! Who may call what: each method of each path has one rule here, or the test fails.

use std::fmt;

use reqwest::Method;

/// Who asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Asker {
    /// Without credentials.
    Anonymous,
    /// With a token that is not known.
    UnknownToken,
    /// With an account, and nothing to do with the app; keys are his.
    Stranger,
    /// May use the app.
    Collaborator,
    /// Might use the app once.
    Revoked,
    /// Owns the app.
    Owner,
    /// May do everything with everybody's apps.
    Admin,
    /// With the key of a builder outside of the platform, and without credentials.
    Builder,
}

impl Asker {
    pub(super) const ALL: [Self; 8] = [
        Self::Anonymous,
        Self::UnknownToken,
        Self::Stranger,
        Self::Collaborator,
        Self::Revoked,
        Self::Owner,
        Self::Admin,
        Self::Builder,
    ];

    /// As the cast calls him.
    pub(super) const fn role(self) -> &'static str {
        match self {
            Self::Anonymous => "nobody",
            Self::UnknownToken => "unknown token",
            Self::Stranger => "user",
            Self::Collaborator => "collaborator",
            Self::Revoked => "revoked",
            Self::Owner => "owner",
            Self::Admin => "admin",
            Self::Builder => "builder",
        }
    }
}

/// Who may.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Rule {
    /// Whoever asks, credentials or not.
    Anybody,
    /// Whoever has an account, each for himself.
    Account,
    /// Administrators.
    Admins,
    /// Whose it is; to everybody else, administrators too, it looks absent.
    Record,
    /// Whose it is, and who may take from the app what it has; to everybody else it looks absent.
    RecordOrAppOwners,
    /// Owner, collaborators, administrators.
    AppUsers,
    /// Owner, administrators.
    AppOwners,
    /// Owner, administrators, and the collaborator whom it is about.
    AppOwnersAndHimself,
    /// Builders outside of the platform; no user, not even an administrator.
    Builders,
}

/// What becomes of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It is done, or refused for what it asks: anything but 401, 403 and 404.
    Allowed,
    /// 401.
    Unknown,
    /// 403.
    Forbidden,
    /// 404.
    Absent,
}

impl Verdict {
    pub(super) const fn of(status: u16) -> Self {
        match status {
            401 => Self::Unknown,
            403 => Self::Forbidden,
            404 => Self::Absent,
            _ => Self::Allowed,
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Allowed => "allowed",
            Self::Unknown => "401",
            Self::Forbidden => "403",
            Self::Absent => "404",
        })
    }
}

impl Rule {
    pub(super) fn of(method: &Method, path: &str) -> Option<Self> {
        let is_delete = *method == Method::DELETE;
        Some(match path {
            "/healthz" | "/readiness" | "/v2/docs" | "/v2/auth/login" | "/v2/auth/register" => Self::Anybody,
            "/v2" | "/v2/certs" | "/v2/auth/cancel" | "/v2/auth/passwd" | "/v2/auth/tokens" | "/v2/auth/whoami"
            | "/v2/apps" | "/v2/keys" => Self::Account,
            "/v2/users"
            | "/v2/admin/activity"
            | "/v2/admin/perms"
            | "/v2/admin/perms/{username}"
            | "/v2/apps/{app}/root" => Self::Admins,
            "/v2/certs/{name}/domain/{domain}" if is_delete => Self::RecordOrAppOwners,
            "/v2/keys/{id}" | "/v2/certs/{name}" | "/v2/certs/{name}/domain" | "/v2/certs/{name}/domain/{domain}" => {
                Self::Record
            }
            _ if path.starts_with("/v2/hooks/") => Self::Builders,
            "/v2/apps/{app}" | "/v2/apps/{app}/perms" if *method == Method::POST => Self::AppOwners,
            // Ours: whoever may push may end a build, and have the next one start from nothing.
            "/v2/apps/{app}/builds/running" | "/v2/apps/{app}/builds/cache" => Self::AppUsers,
            "/v2/apps/{app}/perms/{username}" => Self::AppOwnersAndHimself,
            "/v2/apps/{app}"
            | "/v2/apps/{app}/activity"
            | "/v2/apps/{app}/builds"
            | "/v2/apps/{app}/builds/{uuid}"
            | "/v2/apps/{app}/builds/{uuid}/log"
            | "/v2/apps/{app}/config"
            | "/v2/apps/{app}/domains"
            | "/v2/apps/{app}/domains/{domain}"
            | "/v2/apps/{app}/explain"
            | "/v2/apps/{app}/logs"
            | "/v2/apps/{app}/perms"
            | "/v2/apps/{app}/pods"
            | "/v2/apps/{app}/pods/restart"
            | "/v2/apps/{app}/pods/{type}"
            | "/v2/apps/{app}/pods/{type}/restart"
            | "/v2/apps/{app}/pods/{type}/{name}"
            | "/v2/apps/{app}/pods/{type}/{name}/exec"
            | "/v2/apps/{app}/pods/{type}/{name}/restart"
            | "/v2/apps/{app}/releases"
            | "/v2/apps/{app}/releases/rollback"
            | "/v2/apps/{app}/releases/{version}"
            | "/v2/apps/{app}/releases/{version}/diff/{other}"
            | "/v2/apps/{app}/releases/{version}/progress"
            | "/v2/apps/{app}/run"
            | "/v2/apps/{app}/run/attach"
            | "/v2/apps/{app}/scale"
            | "/v2/apps/{app}/services"
            | "/v2/apps/{app}/settings"
            | "/v2/apps/{app}/tls"
            | "/v2/apps/{app}/whitelist" => {
                if is_delete {
                    Self::AppOwners
                } else {
                    Self::AppUsers
                }
            }
            _ => return None,
        })
    }

    /// What becomes of a request by `asker`.
    pub(super) fn verdict(self, asker: Asker) -> Verdict {
        let may = match (self, asker) {
            (Self::Anybody, _) => return Verdict::Allowed,
            (Self::Builders, Asker::Builder) => true,
            (_, Asker::Anonymous | Asker::UnknownToken | Asker::Builder) => return Verdict::Unknown,
            (Self::Builders, _) => false,
            (Self::Record | Self::RecordOrAppOwners, Asker::Stranger) | (Self::Account, _) => true,
            (Self::RecordOrAppOwners, Asker::Owner | Asker::Admin) => true,
            (Self::Record | Self::RecordOrAppOwners, _) => return Verdict::Absent,
            (_, Asker::Admin) => true,
            (Self::Admins, _) => false,
            (_, Asker::Owner) => true,
            (Self::AppUsers | Self::AppOwnersAndHimself, Asker::Collaborator) => true,
            (Self::AppUsers | Self::AppOwners | Self::AppOwnersAndHimself, _) => false,
        };
        if may { Verdict::Allowed } else { Verdict::Forbidden }
    }

    /// What becomes of it where the app is not there.
    pub(super) fn verdict_without_app(self, asker: Asker) -> Verdict {
        match self.verdict(asker) {
            Verdict::Unknown => Verdict::Unknown,
            // Who may do nothing of the kind is told so first.
            Verdict::Forbidden if matches!(self, Self::Admins | Self::Builders) => Verdict::Forbidden,
            _ => Verdict::Absent,
        }
    }
}
