//! What a server says to somebody who shows nothing, in its own protocol.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use deis_bootstrap::deadline;
use deis_proto::builder::build_service_client::BuildServiceClient;
use futures_util::stream;
use hyper_util::rt::TokioIo;
use k8s_openapi::api::core::v1::Secret;
use reqwest::Upgraded;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{AlertDescription, ClientConfig, RootCertStore};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio_rustls::TlsConnector;
use tonic::transport::{Certificate, ClientTlsConfig, Endpoint, Uri};

use super::Lock;
use crate::support::{Platform, Tunnel, shown};

const LIMIT: Duration = Duration::from_secs(20);

/// Somebody in an app's pod who knows the platform's certificates and has none.
pub(super) struct Visitor<'a> {
    tunnel: &'a Tunnel<'a>,
    connector: TlsConnector,
    authority: Vec<u8>,
}

impl<'a> Visitor<'a> {
    pub(super) async fn new(platform: &Platform, tunnel: &'a Tunnel<'a>) -> Self {
        let authority = async |secret: &str| {
            let mut data = platform.own::<Secret>().get(secret).await.unwrap().data.unwrap();
            data.remove("ca.crt").unwrap().0
        };
        let (ours, of_etcd) = (authority("deis-operator-tls").await, authority("deis-etcd-server-tls").await);
        let mut roots = RootCertStore::empty();
        for pem in [&ours, &of_etcd] {
            roots.add(CertificateDer::from_pem_slice(pem).unwrap()).unwrap();
        }
        let config = ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
        Self { tunnel, connector: TlsConnector::from(Arc::new(config)), authority: ours }
    }

    /// Tries an address of a part; the error says what it answered instead of a refusal.
    pub(super) async fn find_closed(&self, lock: Lock, part: &str, address: &str) -> Result<(), String> {
        match lock {
            Lock::Certificate => self.wants_certificate(part, address).await,
            Lock::DatabasePassword => self.wants_scram(address).await,
            Lock::RedisPassword => self.wants_redis_password(address).await,
            Lock::Login(requests) => self.answers(address, requests, 401).await,
            Lock::BuildToken => self.wants_token(part, address).await,
            Lock::Figures => self.answers(address, &["GET /", "POST /v3/kv/range", "GET /debug/pprof/"], 404).await,
            Lock::Open => Ok(()),
        }
    }

    async fn answers(&self, address: &str, requests: &[&str], status: u16) -> Result<(), String> {
        for asked in requests {
            let answer = self.tunnel.ask(address, asked, None).await?;
            if answer.status != status {
                return Err(format!("{asked} is answered with {}: {}", answer.status, shown(&answer.body)));
            }
        }
        Ok(())
    }

    /// The server proves who it is, and breaks off when the client does not.
    async fn wants_certificate(&self, part: &str, address: &str) -> Result<(), String> {
        let stream = self.tunnel.dial(address).await?;
        let name = ServerName::try_from(part.to_owned()).unwrap();
        let conversation = async {
            // With TLS 1.3 a client is through before the server has seen what it shows.
            let mut stream = self.connector.connect(name, stream).await?;
            stream.read_u8().await
        };
        match deadline(LIMIT, conversation).await.map_err(|late| late.to_string())? {
            Ok(byte) => Err(format!("it goes on, with {byte}")),
            Err(error) if alert(&error) == Some(AlertDescription::CertificateRequired) => Ok(()),
            Err(error) => Err(format!("{error:?}")),
        }
    }

    /// A call without a token, and one with a token that nobody made.
    async fn wants_token(&self, part: &str, address: &str) -> Result<(), String> {
        for token in [None, Some("Bearer 0000")] {
            let mut stream = Some(TokioIo::new(self.tunnel.dial(address).await?));
            let tls = ClientTlsConfig::new().ca_certificate(Certificate::from_pem(&self.authority)).domain_name(part);
            let endpoint = Endpoint::from_static("https://builder").tls_config(tls).unwrap();
            let connect = tower::service_fn(move |_uri: Uri| {
                let stream = stream.take().ok_or_else(|| io::Error::other("the connection broke"));
                async move { stream }
            });
            let channel = endpoint.connect_with_connector(connect).await.map_err(|error| format!("{error:?}"))?;
            let mut request = tonic::Request::new(stream::empty());
            if let Some(token) = token {
                request.metadata_mut().insert("authorization", token.parse().unwrap());
            }
            let mut client = BuildServiceClient::new(channel);
            let answer = deadline(LIMIT, client.build(request)).await.map_err(|late| late.to_string())?;
            match answer {
                Err(status) if status.code() == tonic::Code::Unauthenticated => {}
                other => return Err(format!("with {token:?}: {other:?}")),
            }
        }
        Ok(())
    }

    async fn wants_redis_password(&self, address: &str) -> Result<(), String> {
        let said = self.tunnel.exchange(address, b"KEYS *\r\nAUTH guess\r\nKEYS *\r\nQUIT\r\n").await?;
        let said = shown(&said);
        let begins = ["-NOAUTH ", "-WRONGPASS ", "-NOAUTH ", "+OK"];
        let refuses = said.lines().count() == begins.len()
            && said.lines().zip(begins).all(|(line, begin)| line.starts_with(begin));
        if refuses { Ok(()) } else { Err(said) }
    }

    /// The beginning of a session (PostgreSQL, "Message Flow"), and a proof (RFC 5802) of somebody who does not know the password.
    async fn wants_scram(&self, address: &str) -> Result<(), String> {
        let mut stream = self.tunnel.dial(address).await?;
        let conversation = async {
            let start = [&196_608_u32.to_be_bytes()[..], b"user\0deis\0database\0deis\0\0"].concat();
            stream.write_all(&framed(None, &start)).await?;
            let asked = message(&mut stream).await?;
            if asked != (b'R', [&10_u32.to_be_bytes()[..], b"SCRAM-SHA-256\0\0"].concat()) {
                return Ok(Err(asked));
            }
            let first = b"n,,n=,r=stranger";
            let length = u32::try_from(first.len()).map_err(io::Error::other)?.to_be_bytes();
            let first = [b"SCRAM-SHA-256\0", &length[..], first].concat();
            stream.write_all(&framed(Some(b'p'), &first)).await?;
            let challenge = message(&mut stream).await?;
            let text = shown(&challenge.1);
            let Some(nonce) = text.split(',').next().and_then(|first| first.split("r=").nth(1)) else {
                return Ok(Err(challenge));
            };
            let last = format!("c=biws,r={nonce},p={}", STANDARD.encode([0; 32]));
            stream.write_all(&framed(Some(b'p'), last.as_bytes())).await?;
            message(&mut stream).await.map(Ok)
        };
        let ended = deadline(LIMIT, conversation).await.map_err(|late| late.to_string())?;
        let ended: Result<_, (u8, Vec<u8>)> = ended.map_err(|error: io::Error| error.to_string())?;
        match ended {
            // "invalid_password".
            Ok((b'E', text)) if shown(&text).contains("\0C28P01\0") => Ok(()),
            Ok((kind, text)) | Err((kind, text)) => Err(format!("{}: {}", char::from(kind), shown(&text))),
        }
    }
}

fn alert(error: &io::Error) -> Option<AlertDescription> {
    match error.get_ref()?.downcast_ref()? {
        rustls::Error::AlertReceived(alert) => Some(*alert),
        _ => None,
    }
}

/// A message of PostgreSQL's protocol; the first has no kind.
fn framed(kind: Option<u8>, content: &[u8]) -> Vec<u8> {
    let length = u32::try_from(content.len() + 4).unwrap().to_be_bytes();
    kind.into_iter().chain(length).chain(content.iter().copied()).collect()
}

async fn message(stream: &mut Upgraded) -> io::Result<(u8, Vec<u8>)> {
    let (kind, length) = (stream.read_u8().await?, stream.read_u32().await?);
    let mut content = Vec::new();
    stream.take(u64::from(length.saturating_sub(4))).read_to_end(&mut content).await?;
    Ok((kind, content))
}
