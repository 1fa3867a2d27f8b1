use std::fmt;

use rcgen::{CertificateParams, KeyPair};

use crate::support::{App, Repository};

/// What somebody asks for while a process dies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wish {
    /// A push with a release command.
    Push,
    /// A push that cannot be built.
    BadBuild,
    /// A push whose process ends at once.
    BreakDown,
    Configure,
    Scale,
    /// To nothing and back.
    Rest,
    /// A rule by which the app is scaled, and its end.
    Autoscale,
    /// A certificate for its domain, and its end.
    Certify,
    /// A command that is run once.
    Run,
    Destroy,
}

/// What became of it, as whoever asked was told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Told {
    Done,
    /// It failed or broke off.
    NotDone,
}

impl fmt::Display for Told {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Done => "acknowledged all the same",
            Self::NotDone => "not acknowledged",
        })
    }
}

impl Wish {
    /// Asks, and notes what was acknowledged.
    pub(super) async fn wish(self, repository: &Repository<'_>, app: &App<'_>, round: u32) -> Told {
        let told = match self {
            Self::Push => push(repository, app, "web: go-example\nrelease: true\n", round).await,
            Self::BadBuild => {
                let source = repository.path().join("main.go");
                let good = std::fs::read(&source).unwrap();
                std::fs::write(&source, "package main\n\nfunc main() {\n").unwrap();
                let told = push(repository, app, "web: go-example\n", round).await;
                std::fs::write(&source, good).unwrap();
                told
            }
            Self::BreakDown => push(repository, app, "web: exit 3\n", round).await,
            Self::Configure => {
                let key = format!("ROUND_{round}");
                let is_done = repository.deis(&["config:set", &format!("{key}=done")]).await.status.success();
                if is_done {
                    app.was_configured(&key, "done");
                }
                is_done
            }
            Self::Scale => {
                let now = app.controllers().await.iter().map(|(_name, replicas)| *replicas).sum::<i32>();
                let wanted = if now == 2 { 3 } else { 2 };
                let is_done = repository.deis(&["scale", &format!("web={wanted}")]).await.status.success();
                app.was_scaled(wanted, is_done);
                is_done
            }
            Self::Rest => {
                let is_empty = repository.deis(&["scale", "web=0"]).await.status.success();
                app.was_scaled(0, is_empty);
                let is_back = repository.deis(&["scale", "web=2"]).await.status.success();
                app.was_scaled(2, is_back);
                is_empty && is_back
            }
            Self::Autoscale => {
                let rule = ["autoscale:set", "web", "--min=1", "--max=3", "--cpu-percent=500"];
                let is_set = repository.deis(&rule).await.status.success();
                // Also when nobody knows whether there is a rule: none is left for the next wish.
                let is_unset = repository.deis(&["autoscale:unset", "web"]).await.status.success();
                is_set && is_unset
            }
            Self::Certify => {
                let name = format!("{}-{round}", app.name);
                let key = KeyPair::generate().unwrap();
                let chain = CertificateParams::new([format!("{}.example.com", app.name)]).unwrap();
                std::fs::write(repository.path().join("chain.pem"), chain.self_signed(&key).unwrap().pem()).unwrap();
                std::fs::write(repository.path().join("key.pem"), key.serialize_pem()).unwrap();
                let mut is_done = true;
                for step in [
                    &["certs:add", &name, "chain.pem", "key.pem"][..],
                    &["certs:attach", &name, &app.name],
                    // Also when nobody knows whether it is attached: none is left for the next wish.
                    &["certs:remove", &name],
                ] {
                    is_done &= repository.deis(step).await.status.success();
                }
                is_done
            }
            Self::Run => repository.deis(&["run", "--", "true"]).await.status.success(),
            Self::Destroy => {
                let is_done = repository.deis(&["destroy", &format!("--confirm={}", app.name)]).await.status.success();
                app.was_destroyed(is_done);
                is_done
            }
        };
        if told { Told::Done } else { Told::NotDone }
    }
}

async fn push(repository: &Repository<'_>, app: &App<'_>, procfile: &str, round: u32) -> bool {
    std::fs::write(repository.path().join("Procfile"), procfile).unwrap();
    let commit = repository.commit(&format!("Round {round}")).await;
    let is_done = repository.git(&["push", "deis", "master"]).await.status.success();
    app.was_pushed(&commit, is_done);
    is_done
}
