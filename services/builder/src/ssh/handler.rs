//! What a connection may do.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;

use deis_api::Username;
use deis_bootstrap::Tasks;
use russh::keys::{Algorithm, PublicKey};
use russh::server::{Auth, ChannelOpenHandle, Msg, PublicKeyOffer, Session, VerifiedPublicKey};
use russh::{Channel, ChannelId, ChannelOpenFailure, Pty};
use tokio_util::sync::CancellationToken;

use super::Service;
use super::channel::{OpenChannel, Request};
use crate::Error;

/// Channels of one connection at a time.
const MAX_CHANNELS: usize = 8;

/// Who is at the other end.
#[derive(Clone, Debug)]
enum Identity {
    User(Username),
    /// The controller could not be asked: the client may hear why, and nothing else.
    Unknown,
}

/// The library calls this for one connection.
pub(super) struct Handler {
    service: Arc<dyn Service>,
    peer: SocketAddr,
    proved: CancellationToken,
    over: CancellationToken,
    tasks: Tasks,
    /// Of the key that was proved; the keys that were merely offered leave no trace.
    identity: Option<Identity>,
    channels: HashMap<ChannelId, OpenChannel>,
    opened: usize,
}

impl Handler {
    pub(super) fn new(
        service: Arc<dyn Service>,
        peer: SocketAddr,
        proved: CancellationToken,
        over: CancellationToken,
        tasks: Tasks,
    ) -> Self {
        Self { service, peer, proved, over, tasks, identity: None, channels: HashMap::new(), opened: 0 }
    }

    async fn identify(&self, key: &PublicKey, algorithm: &Algorithm) -> Option<Identity> {
        if *algorithm == (Algorithm::Rsa { hash: None }) {
            return None;
        }
        let key = key.to_bytes().ok()?;
        match self.service.authenticate(key).await {
            Ok(user) => user.map(Identity::User),
            Err(error) => {
                tracing::warn!(%error, "a key cannot be looked up");
                Some(Identity::Unknown)
            }
        }
    }

    fn start(&mut self, id: ChannelId, request: Request, session: &mut Session) -> Result<(), russh::Error> {
        let (Some(identity), Some(channel)) = (&self.identity, self.channels.remove(&id)) else {
            return session.channel_failure(id);
        };
        session.channel_success(id)?;
        let user = match identity {
            Identity::User(user) => Ok(user.clone()),
            Identity::Unknown => Err(Error::ControllerUnreachable),
        };
        let exchange = channel.serve(user, request, Arc::clone(&self.service));
        let span = tracing::info_span!("ssh", peer = %self.peer);
        drop(self.tasks.spawn("ssh exchange", tracing::Instrument::instrument(exchange, span)));
        Ok(())
    }
}

fn decide(identity: Option<&Identity>) -> Auth {
    if identity.is_some() { Auth::Accept } else { Auth::reject() }
}

impl russh::server::Handler for Handler {
    type Error = russh::Error;

    async fn auth_publickey_offered(&mut self, _user: &str, offer: PublicKeyOffer<'_>) -> Result<Auth, russh::Error> {
        Ok(decide(self.identify(offer.public_key, offer.algorithm).await.as_ref()))
    }

    async fn auth_publickey(&mut self, _user: &str, key: VerifiedPublicKey<'_>) -> Result<Auth, russh::Error> {
        self.identity = self.identify(key.public_key, key.algorithm).await;
        Ok(decide(self.identity.as_ref()))
    }

    async fn auth_succeeded(&mut self, _session: &mut Session) -> Result<(), russh::Error> {
        self.proved.cancel();
        Ok(())
    }

    async fn channel_open_session(
        &mut self,
        channel: Channel<Msg>,
        reply: ChannelOpenHandle,
        _session: &mut Session,
    ) -> Result<(), russh::Error> {
        if self.opened >= MAX_CHANNELS {
            reply.reject(ChannelOpenFailure::ResourceShortage).await;
            return Ok(());
        }
        self.opened += 1;
        let id = channel.id();
        self.channels.insert(id, OpenChannel::new(channel, self.over.clone(), &self.tasks));
        reply.accept().await;
        Ok(())
    }

    async fn channel_close(&mut self, channel: ChannelId, _session: &mut Session) -> Result<(), russh::Error> {
        self.channels.remove(&channel);
        self.opened = self.opened.saturating_sub(1);
        Ok(())
    }

    async fn exec_request(&mut self, id: ChannelId, data: &[u8], session: &mut Session) -> Result<(), russh::Error> {
        self.start(id, Request::Command(data.to_vec()), session)
    }

    async fn shell_request(&mut self, id: ChannelId, session: &mut Session) -> Result<(), russh::Error> {
        self.start(id, Request::Shell, session)
    }

    async fn subsystem_request(
        &mut self,
        id: ChannelId,
        _name: &str,
        session: &mut Session,
    ) -> Result<(), russh::Error> {
        session.channel_failure(id)
    }

    async fn env_request(
        &mut self,
        id: ChannelId,
        _name: &str,
        _value: &str,
        session: &mut Session,
    ) -> Result<(), russh::Error> {
        session.channel_failure(id)
    }

    async fn pty_request(
        &mut self,
        id: ChannelId,
        _term: &str,
        _columns: u32,
        _rows: u32,
        _width: u32,
        _height: u32,
        _modes: &[(Pty, u32)],
        session: &mut Session,
    ) -> Result<(), russh::Error> {
        session.channel_failure(id)
    }

    async fn x11_request(
        &mut self,
        id: ChannelId,
        _single: bool,
        _protocol: &str,
        _cookie: &str,
        _screen: u32,
        session: &mut Session,
    ) -> Result<(), russh::Error> {
        session.channel_failure(id)
    }

    async fn agent_request(&mut self, id: ChannelId, session: &mut Session) -> Result<bool, russh::Error> {
        session.channel_failure(id)?;
        Ok(false)
    }
}
