//! Certificates of users: reading and keeping them, and having domains of apps served with them.
//!
//! Whose a certificate is not, to him it looks absent. A domain is given one by whoever may change its app and has the certificate; it is
//! taken away by whoever has the certificate, or may take from the app what it has.

mod inspect;

use std::collections::BTreeSet;

use deis_api::{AppName, CertName, Hostname, Username};
use futures_util::future::join_all;
pub use inspect::{digest, inspect};

use crate::access::{Actor, Object, Verb, authorise};
use crate::apps::{self, tell};
use crate::deploy::Deployer;
use crate::error::{Error, Kind};
use crate::ledger::{Certificate, Ledger, Listed, Window};

/// The actor's certificates, by name.
///
/// # Errors
/// [`Error::NotAuthenticated`].
pub async fn list(ledger: &dyn Ledger, actor: &Actor, window: Window) -> Result<Listed<Certificate>, Error> {
    let user = authorise(actor, Verb::Read, Object::Own)?;
    ledger.certificates(&user.username, window).await
}

/// A certificate that the actor may do this with.
///
/// # Errors
/// [`Error::Missing`] also for one that is somebody else's.
pub async fn find(ledger: &dyn Ledger, actor: &Actor, verb: Verb, name: &str) -> Result<Certificate, Error> {
    let (certificate, is_ours) = look_up(ledger, actor, verb, name).await?;
    if is_ours { Ok(certificate) } else { Err(Error::Missing(Kind::Certificate)) }
}

async fn look_up(ledger: &dyn Ledger, actor: &Actor, verb: Verb, name: &str) -> Result<(Certificate, bool), Error> {
    authorise(actor, verb, Object::Own)?;
    let missing = || Error::Missing(Kind::Certificate);
    // A name that cannot be is one that is not there.
    let name = name.parse::<CertName>().map_err(|_| missing())?;
    let certificate = ledger.certificate(&name).await?.ok_or_else(missing)?;
    let is_ours = authorise(actor, verb, Object::Certificate(&certificate.owner)).is_ok();
    Ok((certificate, is_ours))
}

/// Where a certificate goes, or goes from.
#[derive(Clone, Debug)]
pub struct Place {
    /// Which one.
    pub certificate: CertName,
    /// The app that has the domain.
    pub app: AppName,
    /// The domain.
    pub domain: Hostname,
}

/// Where the actor may attach a certificate: it is his, and so is the app.
///
/// # Errors
/// [`Error::Missing`] for a certificate or a domain that is not there or is somebody else's.
pub async fn place_to_attach(
    ledger: &dyn Ledger,
    actor: &Actor,
    name: &str,
    domain: &str,
) -> Result<(Username, Place), Error> {
    let certificate = find(ledger, actor, Verb::Change, name).await?;
    let (app, domain) = app_of(ledger, domain).await?;
    match apps::find(ledger, actor, Verb::Change, &app).await {
        Ok((user, _)) => Ok((user.username.clone(), Place { certificate: certificate.name, app, domain })),
        Err(Error::Forbidden | Error::Missing(_)) => Err(Error::Missing(Kind::Domain)),
        Err(error) => Err(error),
    }
}

/// Where the actor may detach a certificate: it is his, or the app is.
///
/// # Errors
/// As [`place_to_attach`].
pub async fn place_to_detach(ledger: &dyn Ledger, actor: &Actor, name: &str, domain: &str) -> Result<Place, Error> {
    let (certificate, is_ours) = look_up(ledger, actor, Verb::Change, name).await?;
    let place = app_of(ledger, domain).await;
    if is_ours {
        let (app, domain) = place?;
        return Ok(Place { certificate: certificate.name, app, domain });
    }
    let missing = || Error::Missing(Kind::Certificate);
    let (app, domain) = place.map_err(|_| missing())?;
    let is_there = certificate.domains.contains(&domain);
    let controls = apps::find(ledger, actor, Verb::Control, &app).await.is_ok();
    let place = Place { certificate: certificate.name, app, domain };
    if is_there && controls { Ok(place) } else { Err(missing()) }
}

async fn app_of(ledger: &dyn Ledger, domain: &str) -> Result<(AppName, Hostname), Error> {
    let missing = || Error::Missing(Kind::Domain);
    let domain = apps::parse_domain(domain.trim()).map_err(|_| missing())?;
    let app = ledger.app_of_domain(&domain).await?.ok_or_else(missing)?;
    Ok((app, domain))
}

/// Has a domain served with a certificate and tells the routers.
///
/// # Errors
/// [`Error::Refused`] for a domain that has one.
pub async fn attach(ledger: &dyn Ledger, deployer: &Deployer, user: &Username, place: &Place) -> Result<(), Error> {
    let Place { certificate, app, domain } = place;
    ledger.attach(certificate, app, domain).await?;
    tell(deployer, app, "certificate", &format!("{user} attached certificate {certificate} to domain {domain}")).await;
    Ok(())
}

/// Has a domain served with a certificate no longer and tells the routers.
///
/// # Errors
/// [`Error::Missing`] for a domain that is not served with this one.
pub async fn detach(ledger: &dyn Ledger, deployer: &Deployer, place: &Place) -> Result<(), Error> {
    let Place { certificate, app, domain } = place;
    if !ledger.detach(certificate, app, domain).await? {
        return Err(Error::Missing(Kind::Domain));
    }
    tell(deployer, app, "certificate", &format!("certificate {certificate} detached from domain {domain}")).await;
    Ok(())
}

/// Takes a certificate from all its domains, deletes it and tells the routers.
///
/// # Errors
/// [`Error::Missing`] when it has gone meanwhile.
pub async fn remove(ledger: &dyn Ledger, deployer: &Deployer, name: &CertName) -> Result<(), Error> {
    let apps: BTreeSet<AppName> = ledger.delete_certificate(name).await?.ok_or(Error::Missing(Kind::Certificate))?;
    let what = format!("certificate {name} removed");
    join_all(apps.iter().map(|app| tell(deployer, app, "certificate", &what))).await;
    Ok(())
}
