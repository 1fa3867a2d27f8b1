use deis_api::{AppName, Hostname, Username};
use idna::uts46::{AsciiDenyList, DnsLength, Hyphens, Uts46};

use super::{ReservedNames, tell};
use crate::deploy::Deployer;
use crate::error::Error;
use crate::ledger::{Domain, Ledger};

/// A domain as a user writes it, in either encoding: as the ASCII form that is kept (IDNA, UTS 46 without the transitional forms).
///
/// # Errors
/// [`Error::Field`] for what is no domain.
pub fn parse_domain(text: &str) -> Result<Hostname, Error> {
    let refused = |message: String| Error::field("domain", message);
    let name = text.strip_suffix('.').unwrap_or(text);
    if name == "*" {
        return Err(refused("Hostname can't only be a wildcard".to_owned()));
    }
    let (wildcard, labels) = name.strip_prefix("*.").map_or(("", name), |labels| ("*.", labels));
    let uts46 = Uts46::new();
    let ace = uts46.to_ascii(labels.as_bytes(), AsciiDenyList::STD3, Hyphens::Check, DnsLength::Ignore);
    let reason = "its labels must be letters, digits and single hyphens within, at most 63 characters each";
    let impossible = || refused(format!("Hostname does not look valid, could not convert to ACE {text}: {reason}"));
    let ace = ace.map_err(|_errors| impossible())?;
    if ace.split('.').any(|label| label.is_empty() || label.len() > 63) {
        return Err(impossible());
    }
    format!("{wildcard}{ace}").parse().map_err(Error::name("domain"))
}

/// Adds a domain to an app and tells the routers.
///
/// # Errors
/// [`Error::Field`] for a name of the platform's own and for one that an app has already.
pub async fn add_domain(
    ledger: &dyn Ledger,
    deployer: &Deployer,
    reserved: &ReservedNames,
    user: &Username,
    app: &AppName,
    domain: &Hostname,
) -> Result<Domain, Error> {
    // A label is completed with the platform's domain, where the platform itself is served too.
    if reserved.contain(domain.as_str()) {
        return Err(Error::field("domain", format!("{domain} is a reserved name.")));
    }
    let added = ledger.add_domain(app, user, domain).await?;
    tell(deployer, app, "domain", &format!("domain {domain} added")).await;
    Ok(added)
}

/// Takes a domain from an app and tells the routers; answers whether the app had it.
///
/// # Errors
/// The ledger cannot be reached.
pub async fn remove_domain(
    ledger: &dyn Ledger,
    deployer: &Deployer,
    app: &AppName,
    domain: &Hostname,
) -> Result<bool, Error> {
    let removed = ledger.remove_domain(app, domain).await?;
    if removed {
        tell(deployer, app, "domain", &format!("domain {domain} removed")).await;
    }
    Ok(removed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn domains_are_kept_in_ascii() {
        for (text, kept) in [
            ("domain", "domain"),
            ("3com.com", "3com.com"),
            ("MYDOMAIN.NET", "mydomain.net"),
            ("example.com.", "example.com"),
            ("*.deis.example.com", "*.deis.example.com"),
            ("django.paas--sandbox", "django.paas--sandbox"),
            ("\u{fc}ber.example", "xn--ber-goa.example"),
            ("*.\u{fc}ber.example", "*.xn--ber-goa.example"),
            ("xn--ber-goa.example", "xn--ber-goa.example"),
            ("stra\u{df}e.de", "xn--strae-oqa.de"),
        ] {
            assert_eq!(parse_domain(text).unwrap().as_str(), kept, "{text}");
        }
    }

    #[test]
    fn what_is_no_domain_is_refused() {
        let long_label = format!("{}.com", "a".repeat(64));
        let long_name = vec!["a".repeat(60); 5].join(".");
        let names = [
            "*",
            "foo.*.bar.com",
            "under_score.com",
            "ab--cd.com",
            "xn--a",
            "-a.com",
            "a-.com",
            "a..b",
            "",
            ".",
            "a b.com",
            "10.0.0.1",
            "a,b.com",
            &long_label,
            &long_name,
        ];
        let refusals = names.map(|name| format!("{name:.20}: {:.90}", parse_domain(name).unwrap_err().to_string()));
        insta::assert_yaml_snapshot!(refusals);
    }
}
