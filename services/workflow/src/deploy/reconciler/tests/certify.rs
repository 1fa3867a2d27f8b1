//! Certificates are where the routers read them before the Service names them.

use super::*;

fn certified() -> Sandbox {
    let sandbox = Sandbox::upgrading(Fate::Serves);
    let certificate = ("example.com".parse().unwrap(), CertificateDigest::of([1; 32]));
    sandbox.0.lock().certificates = [certificate].into();
    sandbox
}

#[tokio::test]
async fn copies_are_written_before_the_service_names_them() {
    let sandbox = certified();
    settle(&sandbox).await;
    let log = sandbox.log();
    let at = |line: &str| log.iter().position(|written| written == line).unwrap();
    assert_eq!(at("certify") + 1, at("prepare v2"), "{log:?}");
    let without = Sandbox::upgrading(Fate::Serves);
    settle(&without).await;
    assert!(!without.log().contains(&"certify".to_owned()));
}

/// A domain may be without its certificate for a while, and no app without its release for that.
#[tokio::test]
async fn a_copy_that_kubernetes_refuses_stops_nothing_else() {
    let sandbox = certified();
    sandbox.0.lock().refuses.insert("certify");
    settle(&sandbox).await;
    let log = sandbox.log();
    assert!(log.contains(&"refused: certify".to_owned()) && log.contains(&"prepare v2".to_owned()), "{log:?}");
}
