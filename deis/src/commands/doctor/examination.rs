use std::net::IpAddr;

use deis_api::rest::{API_VERSION, App};
use deis_cli::Failure;

use super::{LIMIT, Outcome, builder, keys};
use crate::api::{Error, Refused};
use crate::client_file;
use crate::context::{Context, ProfileArgs, Session};
use crate::controller::{Controller, NoAddress};
use crate::{app, exec, git, resolver};
use deis_cli::deadline::within;

#[derive(Clone, Copy, Debug)]
pub enum Check {
    Login,
    Name,
    Connection,
    Controller,
    Token,
    Git,
    Key,
    Builder,
    App,
}

/// In this order: each rests on those before it.
pub const CHECKS: &[(&str, Check)] = &[
    ("login", Check::Login),
    ("name", Check::Name),
    ("connection", Check::Connection),
    ("controller", Check::Controller),
    ("token", Check::Token),
    ("git", Check::Git),
    ("ssh key", Check::Key),
    ("builder", Check::Builder),
    ("app", Check::App),
];

const NO_LOGIN: &str = "the controller is not known";
const NO_NAME: &str = "the controller's name does not resolve";
const NO_CONNECTION: &str = "the controller cannot be reached";
const NO_CONTROLLER: &str = "it is no controller";
const NO_TOKEN: &str = "the token is not known to be valid";

/// What the checks have found out so far.
#[derive(Default)]
pub struct Examination {
    session: Option<Session>,
    is_resolved: bool,
    /// What the root of the API answered.
    answer: Option<Result<(), Failure>>,
    is_controller: bool,
    is_known: bool,
}

impl Examination {
    pub async fn make(&mut self, check: Check, context: &Context, profile: &ProfileArgs) -> Outcome {
        match check {
            Check::Login => self.login(context, profile),
            Check::Name => self.name(context).await,
            Check::Connection => self.connection().await,
            Check::Controller => self.controller(context),
            Check::Token => self.token().await,
            Check::Git => git_version().await,
            Check::Key => {
                let home = context.environment.home.clone().unwrap_or_default();
                keys::check(&home, self.session.as_ref().filter(|_| self.is_known)).await
            }
            Check::Builder => match &self.session {
                Some(session) => builder::check(&session.api.controller().builder_host()).await,
                None => Outcome::cannot(NO_LOGIN),
            },
            Check::App => self.app().await,
        }
    }

    fn login(&mut self, context: &Context, profile: &ProfileArgs) -> Outcome {
        let session = match context.session(profile) {
            Ok(session) => session,
            Err(failure) if failure.cause::<NoAddress>().is_some() => {
                return Outcome::of_failure(&failure, "correct DEIS_CONTROLLER, or log in: deis login <controller>");
            }
            Err(failure) if matches!(failure.cause(), Some(client_file::Error::NoHome)) => {
                return Outcome::of_failure(&failure, "set HOME");
            }
            Err(failure) => return Outcome::of_failure(&failure, "deis login <controller>"),
        };
        let from = match (&context.environment.token, context.client_file(profile)) {
            (None, Ok(path)) => path.display().to_string(),
            _ => "DEIS_TOKEN".to_owned(),
        };
        let controller = session.api.controller().clone();
        self.session = Some(session);
        Outcome::Good(format!("{from}, for {controller}"))
    }

    async fn name(&mut self, context: &Context) -> Outcome {
        let Some(session) = &self.session else { return Outcome::cannot(NO_LOGIN) };
        let outcome = resolve(context, session.api.controller()).await;
        self.is_resolved = matches!(outcome, Outcome::Good(_));
        outcome
    }

    async fn connection(&mut self) -> Outcome {
        let Some(session) = self.session.as_ref() else { return Outcome::cannot(NO_LOGIN) };
        if !self.is_resolved {
            return Outcome::cannot(NO_NAME);
        }
        let controller = session.api.controller();
        let fix = format!("see whether this machine may connect to {controller} (network, VPN, firewall, proxy)");
        let Some(answer) = within(LIMIT, session.api.expect_controller()).await else {
            return Outcome::bad(format!("{controller} did not answer within {} s", LIMIT.as_secs()), fix);
        };
        match answer {
            Err(failure)
                if matches!(failure.cause(), Some(Error::Unreachable(..) | Error::Lost(..) | Error::TimedOut(..))) =>
            {
                Outcome::of_failure(&failure, fix)
            }
            answer => {
                self.answer = Some(answer);
                Outcome::Good(format!("{controller} answers"))
            }
        }
    }

    fn controller(&mut self, context: &Context) -> Outcome {
        match &self.answer {
            None => Outcome::cannot(NO_CONNECTION),
            Some(Err(failure)) => Outcome::of_failure(failure, "log in to the right address: deis login <controller>"),
            Some(Ok(())) => {
                self.is_controller = true;
                match context.versions.unfit() {
                    None => Outcome::Good(format!("speaks our version of the API, {API_VERSION}")),
                    Some(version) => Outcome::bad(
                        format!("it speaks version {version} of the API, and this program {API_VERSION}"),
                        "use the 'deis' that came with the platform's release",
                    ),
                }
            }
        }
    }

    async fn token(&mut self) -> Outcome {
        let Some(session) = self.session.as_ref().filter(|_| self.answer.is_some()) else {
            return Outcome::cannot(NO_CONNECTION);
        };
        if !self.is_controller {
            return Outcome::cannot(NO_CONTROLLER);
        }
        let login = format!("deis login {}", session.api.controller());
        match within(LIMIT, session.whoami()).await {
            None => Outcome::bad(format!("no answer within {} s", LIMIT.as_secs()), "try again"),
            Some(Err(failure)) => Outcome::bad(failure.summary(), login),
            Some(Ok(user)) => {
                self.is_known = true;
                Outcome::Good(format!("you are {}", user.username))
            }
        }
    }

    /// Outside of a repository, and in one that has to do with other things, there is nothing to check.
    async fn app(&self) -> Outcome {
        let Some(session) = &self.session else { return Outcome::cannot(NO_LOGIN) };
        match git::remotes() {
            Err(git::Error::NotStarted(_)) => return Outcome::cannot("git cannot be started"),
            Err(git::Error::Failed { .. }) => return Outcome::Skipped("this is no git repository".to_owned()),
            _ => {}
        }
        let app = match app::of_remotes(session.api.controller()) {
            Ok(Some(app)) => app,
            Ok(None) => {
                let add = "no git remote leads to the platform; 'deis git:remote -a <app>' adds one";
                return Outcome::Skipped(add.to_owned());
            }
            Err(error) => return Outcome::of_failure(&error.into(), "see what 'git remote -v' says"),
        };
        if !self.is_known {
            return Outcome::cannot(NO_TOKEN);
        }
        let fix = "'deis apps' lists the apps that you may use, and 'deis git:remote --force -a <app>' chooses one";
        match within(LIMIT, session.api.get::<App>(&["apps", app.as_str(), ""])).await {
            None => Outcome::bad(format!("{app}: no answer within {} s", LIMIT.as_secs()), "try again"),
            Some(Err(failure)) if failure.cause().is_some_and(Refused::is_unknown_app) => {
                Outcome::bad(format!("the git remote names {app}, which does not exist"), fix)
            }
            Some(Err(failure)) => Outcome::bad(format!("the git remote names {app}: {}", failure.summary()), fix),
            Some(Ok(_)) => Outcome::Good(format!("the git remote names {app}, and you may use it")),
        }
    }
}

async fn resolve(context: &Context, controller: &Controller) -> Outcome {
    let host = controller.host();
    if host.trim_matches(['[', ']']).parse::<IpAddr>().is_ok() {
        return Outcome::Good(format!("{host} is an address"));
    }
    let environment = &context.environment;
    let is_proxied = if controller.is_https() { environment.https_proxy } else { environment.http_proxy };
    if is_proxied {
        return Outcome::Good(format!("{host} is left to the proxy"));
    }
    // Names of this machine by standard (RFC 6761), whatever the system's resolver says; our HTTP client knows them.
    if host == "localhost" || host.ends_with(".localhost") {
        return Outcome::Good(format!("{host} is this machine"));
    }
    let fix = format!("see whether this machine has a name server that knows {host}, or enter it in /etc/hosts");
    match within(LIMIT, resolver::addresses(host)).await {
        None => Outcome::bad(format!("{host} did not resolve within {} s", LIMIT.as_secs()), fix),
        Some(Err(error)) => Outcome::bad(format!("{host} does not resolve: {error}"), fix),
        Some(Ok(addresses)) => match addresses.first() {
            Some(address) => Outcome::Good(format!("{host} is {address}")),
            None => Outcome::bad(format!("{host} has no address"), fix),
        },
    }
}

async fn git_version() -> Outcome {
    let fix = "install git, and let it be in PATH";
    match within(LIMIT, exec::run_while_awaited("git", ["--version"])).await {
        None => Outcome::bad(format!("'git --version' did not end within {} s", LIMIT.as_secs()), fix),
        Some(Ok(output)) if output.status.success() => {
            Outcome::Good(String::from_utf8_lossy(&output.stdout).trim().to_owned())
        }
        Some(Ok(output)) => Outcome::bad(format!("'git --version' fails: {}", output.status), fix),
        Some(Err(error)) => Outcome::bad(format!("git cannot be started: {error}"), fix),
    }
}
