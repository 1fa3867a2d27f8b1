use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::core::v1::Secret;
use kube::api::ListParams;
use kube::{Api, Client, ResourceExt as _};

use crate::cluster::KubeError;
use crate::doctor::Finding;

const AREA: &str = "certificates";
/// An upgrade must not meet the end of one; the weekly renewal takes them in their last third.
const SOON: SignedDuration = SignedDuration::from_hours(48);

/// When the first of the platform's certificates ends. Whether each is as it should be is the doctor's business.
pub(crate) async fn first_to_end(client: &Client, namespace: &str, now: Timestamp) -> Result<Vec<Finding>, KubeError> {
    let secrets = Api::<Secret>::namespaced(client.clone(), namespace).list(&ListParams::default()).await?;
    let ends =
        secrets.iter().filter_map(|secret| Some((end(&secret.data.as_ref()?.get("tls.crt")?.0)?, secret.name_any())));
    Ok(ends.min().map(|(end, name)| of(end, name, now)).into_iter().collect())
}

fn end(pem: &[u8]) -> Option<Timestamp> {
    let (_, pem) = x509_parser::pem::parse_x509_pem(pem).ok()?;
    Timestamp::from_second(pem.parse_x509().ok()?.validity().not_after.timestamp()).ok()
}

fn of(end: Timestamp, name: String, now: Timestamp) -> Finding {
    let says = format!("is the first to end, on {}", end.strftime("%Y-%m-%d"));
    if end < now + SOON {
        return Finding::fault(AREA, name, says, "deisctl init renews what it has made; replace what is your own");
    }
    Finding::well(AREA, name, says)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_certificate_that_ends_soon_is_a_fault() {
        let of = |now: &str| of("2026-12-01T00:00:00Z".parse().unwrap(), "deis-ca".to_owned(), now.parse().unwrap());
        let well = of("2026-11-01T00:00:00Z");
        assert_eq!((well.well, well.says.as_str()), (true, "is the first to end, on 2026-12-01"));
        assert!(!of("2026-11-30T00:00:00Z").well);
        assert_eq!(end(b"no certificate"), None);
    }
}
