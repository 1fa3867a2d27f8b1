//! Ways into pods that nobody else has: a port through the API server, and a program beside the one that runs.

use k8s_openapi::api::core::v1::Pod;
use kube::api::{Api, AttachParams};
use tokio::io::{AsyncReadExt as _, copy_bidirectional};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

/// A port of a pod, as a port of this machine, for as long as it is held.
pub(crate) struct Forward {
    /// "http://127.0.0.1:41234".
    pub(crate) url: String,
    server: JoinHandle<()>,
}

impl Forward {
    pub(crate) async fn to(pods: Api<Pod>, pod: &str, port: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let pod = pod.to_owned();
        #[expect(clippy::disallowed_methods, reason = "a test has no process around it")]
        let server = tokio::spawn(async move {
            while let Ok((mut connection, _)) = listener.accept().await {
                let (pods, pod) = (pods.clone(), pod.clone());
                #[expect(clippy::disallowed_methods, reason = "a test has no process around it")]
                let relay = tokio::spawn(async move {
                    // A pod that is gone closes the connection: whoever asked sees that.
                    let Ok(mut forwarder) = pods.portforward(&pod, &[port]).await else { return };
                    let Some(mut stream) = forwarder.take_stream(port) else { return };
                    drop(copy_bidirectional(&mut connection, &mut stream).await);
                });
                drop(relay);
            }
        });
        Self { url, server }
    }
}

impl Drop for Forward {
    fn drop(&mut self) {
        self.server.abort();
    }
}

/// Runs a program in a pod; its standard output, or what it said when it failed.
pub(crate) async fn exec(pods: &Api<Pod>, pod: &str, program: &[&str]) -> Result<String, String> {
    let params = AttachParams::default().stderr(true);
    let mut process = pods.exec(pod, program.iter().copied(), &params).await.map_err(|error| error.to_string())?;
    let (mut out, mut err) = (String::new(), String::new());
    let (mut stdout, mut stderr) = (process.stdout().unwrap(), process.stderr().unwrap());
    let status = process.take_status().unwrap();
    let (_out, _err, status) = tokio::join!(stdout.read_to_string(&mut out), stderr.read_to_string(&mut err), status);
    match status.and_then(|status| status.status).as_deref() {
        Some("Success") => Ok(out),
        _ => Err(err),
    }
}
