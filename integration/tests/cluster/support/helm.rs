use std::path::PathBuf;
use std::process::Stdio;

/// Runs helm on the platform's release, and waits until what it has changed is ready.
pub(crate) async fn helm(arguments: &[&str]) {
    let helm = PathBuf::from(std::env::var_os("DEIS_UPSTREAM").expect("run `make test`")).join("helm");
    #[expect(clippy::disallowed_methods, reason = "what an operator types")]
    let mut command = tokio::process::Command::new(helm);
    command.args(arguments).args(["--namespace=deis", "--wait", "--timeout=5m"]).stdin(Stdio::null());
    let output = command.output().await.unwrap();
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
}
