//! A service behind a port of its pod: gRPC over TLS, through the API server.

use std::io;

use futures_util::{StreamExt as _, stream};
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tonic::transport::{Certificate, Identity, Server, ServerTlsConfig};

use crate::session::{Socket, open, send};
use crate::{routers, state};

/// A certificate for each of these, of one authority.
pub(crate) fn certificates<const N: usize>(names: [&str; N]) -> [Value; N] {
    let (authority_key, mut params) = (KeyPair::generate().unwrap(), CertificateParams::default());
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let ca = params.self_signed(&authority_key).unwrap().pem();
    let issuer = Issuer::new(params, authority_key);
    names.map(|name| {
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(vec![format!("deis-{name}")]).unwrap();
        json!({ "tls.crt": params.signed_by(&key, &issuer).unwrap().pem(), "tls.key": key.serialize_pem(), "ca.crt": ca })
    })
}

/// A Secret with a certificate.
pub(crate) fn secret(name: &str, certificate: &Value) -> Value {
    json!({ "metadata": { "name": name }, "data": encoded(certificate) })
}

/// As a Secret has it: in base64.
fn encoded(data: &Value) -> Value {
    use base64::Engine as _;
    let encode = |value: &Value| base64::engine::general_purpose::STANDARD.encode(value.as_str().unwrap());
    data.as_object().unwrap().iter().map(|(key, value)| (key.clone(), encode(value))).collect::<Value>()
}

/// Whether what is said to a port is for [`serve`].
pub(crate) fn is_told(said: &Value) -> bool {
    said["server"].is_object()
}

/// Answers gRPC over TLS, until the client goes.
pub(crate) async fn serve(socket: &mut Socket, port: u16, said: &Value) {
    let pem = |name: &str| said["server"][name].as_str().unwrap();
    let tls = ServerTlsConfig::new()
        .identity(Identity::from_pem(pem("tls.crt"), pem("tls.key")))
        .client_ca_root(Certificate::from_pem(pem("ca.crt")));
    let (ours, theirs) = tokio::io::duplex(64 * 1024);
    let connections = stream::iter([Ok::<_, io::Error>(theirs)]).chain(stream::pending());
    let services = match said["explanation"].is_null() {
        true => state::services(&said["holdings"]),
        false => routers::services(&said["explanation"]),
    };
    let server = Server::builder().tls_config(tls).unwrap().add_routes(services).serve_with_incoming(connections);
    open(socket, port).await;
    let (mut reader, mut writer) = tokio::io::split(ours);
    let relay = async {
        let mut buffer = vec![0; 16 * 1024];
        loop {
            tokio::select! {
                message = socket.next() => {
                    let Some(Ok(message)) = message else { return };
                    if let [0, data @ ..] = &message.into_data()[..] && writer.write_all(data).await.is_err() {
                        return;
                    }
                }
                read = reader.read(&mut buffer) => match read {
                    Ok(read @ 1..) => send(socket, 0, &buffer[..read]).await,
                    _ => return,
                },
            }
        }
    };
    tokio::select! { _ended = server => {} () = relay => {} }
}
