//! What one client may take, so that others do not pay for it.

use deis_api::Code;

/// A limit of the API. `docs/api.md` says how much each allows; the values stand where they are held.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Limit {
    /// The path and the query.
    Uri,
    /// The headers, in lines and in bytes.
    Headers,
    /// The time that the headers take.
    HeaderTime,
    /// The body.
    Body,
    /// The time that the body takes.
    BodyTime,
    /// The time for which nothing of an answer is taken.
    AnswerTime,
    /// Requests of one address that are under way.
    Requests,
    /// Connections.
    Connections,
    /// Attempts with a password that fail.
    PasswordAttempts,
    /// Passwords that are hashed or wait for it.
    PasswordQueue,
    /// Registrations.
    Registrations,
}

impl Limit {
    /// All of them.
    pub const ALL: [Self; 11] = [
        Self::Uri,
        Self::Headers,
        Self::HeaderTime,
        Self::Body,
        Self::BodyTime,
        Self::AnswerTime,
        Self::Requests,
        Self::Connections,
        Self::PasswordAttempts,
        Self::PasswordQueue,
        Self::Registrations,
    ];

    /// As metrics call it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Uri => "uri",
            Self::Headers => "headers",
            Self::HeaderTime => "header-time",
            Self::Body => "body",
            Self::BodyTime => "body-time",
            Self::AnswerTime => "answer-time",
            Self::Requests => "requests",
            Self::Connections => "connections",
            Self::PasswordAttempts => "password-attempts",
            Self::PasswordQueue => "password-queue",
            Self::Registrations => "registrations",
        }
    }

    /// What clients know it by. Who takes nothing of an answer cannot be told anything.
    #[must_use]
    pub const fn code(self) -> Code {
        match self {
            Self::Uri => Code::UriTooLong,
            Self::Headers => Code::HeadersTooLarge,
            Self::Body => Code::TooLarge,
            Self::HeaderTime | Self::BodyTime | Self::AnswerTime => Code::RequestTooSlow,
            Self::Requests => Code::LimitReached,
            Self::Connections | Self::PasswordQueue => Code::Overloaded,
            Self::PasswordAttempts | Self::Registrations => Code::TooManyAttempts,
        }
    }
}
