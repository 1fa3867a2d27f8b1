use std::net::SocketAddr;
use std::time::{Duration, Instant};

use deis_bootstrap::deadline;
use futures_util::{SinkExt as _, StreamExt as _};
use tokio::net::TcpStream;
use tokio::time::interval;
use tokio_tungstenite::client_async;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_util::sync::CancellationToken;

use super::Report;

/// A word that comes back later than this is lost.
const LIMIT: Duration = Duration::from_secs(10);

/// Says a word each second on one websocket, which stays open until it is over. The place is a host with a path.
pub(super) async fn repeat(address: SocketAddr, place: String, number: usize, over: CancellationToken) -> Report {
    let start = Instant::now();
    let mut report = Report::default();
    while !over.is_cancelled() {
        match talk(address, &place, &over).await {
            Ok(End::App) => {}
            Ok(End::Router) => report.sent_away.push(Instant::now()),
            Err(error) => {
                report.failures.push(format!("websocket {number} after {:.3?}: {error}", start.elapsed()));
                break;
            }
        }
    }
    report
}

/// Who has ended a websocket.
enum End {
    /// The app, for its pod has to go, or we.
    App,
    /// A router that is being replaced.
    Router,
}

/// Until it is over, or somebody says farewell: another one takes the next websocket.
async fn talk(address: SocketAddr, place: &str, over: &CancellationToken) -> Result<End, String> {
    let stream = TcpStream::connect(address).await.map_err(|error| error.to_string())?;
    let opened = deadline(LIMIT, client_async(format!("ws://{place}"), stream)).await;
    let (mut socket, _) = opened.map_err(|late| late.to_string())?.map_err(|error| error.to_string())?;
    let mut pace = interval(Duration::from_secs(1));
    while !over.is_cancelled() {
        tokio::select! {
            _tick = pace.tick() => {}
            () = over.cancelled() => break,
        }
        let word = async {
            socket.send(Message::text("word")).await.map_err(|error| format!("send: {error}"))?;
            match socket.next().await {
                Some(Ok(Message::Text(text))) if text == "word" => Ok(None),
                Some(Ok(Message::Close(Some(close)))) if close.code == CloseCode::Normal => Ok(Some(End::App)),
                Some(Ok(Message::Close(Some(close)))) if close.code == CloseCode::Away => Ok(Some(End::Router)),
                other => Err(format!("instead of the word came {other:?}")),
            }
        };
        if let Some(end) = deadline(LIMIT, word).await.map_err(|late| late.to_string())?? {
            // The answer to the farewell leaves with the end of the stream.
            while let Ok(Some(Ok(_))) = deadline(LIMIT, socket.next()).await {}
            return Ok(end);
        }
    }
    // It is over; how the app takes the end is its own affair.
    drop(socket.close(None).await);
    Ok(End::App)
}
