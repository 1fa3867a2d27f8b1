use std::path::{Path, PathBuf};

use serde::Deserialize;

/// Runs `deis-node` and returns what it printed.
pub(crate) async fn node(arguments: &[&str]) -> String {
    let program = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().join("target/debug/deis-node");
    #[expect(clippy::disallowed_methods, reason = "the tests run the programs that people run")]
    let mut command = tokio::process::Command::new(program);
    let output = command.args(arguments).output().await.unwrap();
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// `/var/log` of the test node.
pub(crate) async fn node_logs() -> PathBuf {
    #[derive(Deserialize)]
    struct Status {
        logs: PathBuf,
    }
    serde_json::from_str::<Status>(&node(&["status", "--output=json"]).await).unwrap().logs
}
