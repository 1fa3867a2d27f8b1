//! The stub's commands that somebody works with. What one does is what it says: `ls` lists and ends, `refuse` may not go on, `break` breaks; all
//! others say what they hear, end with 3 when a `q` is typed and with 0 when the input ends.

use std::sync::mpsc::SyncSender;

use axum::extract::ws::{Message, WebSocket, WebSocketUpgrade};
use axum::http::{HeaderMap, Uri};
use axum::response::Response;
use deis_api::session::{Exit, Frame, Order};

use crate::stub::authorization;

/// Answers as a controller does.
pub async fn answer(upgrade: WebSocketUpgrade, headers: HeaderMap, uri: Uri, asked: SyncSender<String>) -> Response {
    let head = format!("GET {} {}", uri.path(), authorization(&headers));
    upgrade.on_upgrade(async move |mut socket| {
        let Some(Ok(Message::Text(order))) = socket.recv().await else { return };
        asked.send(format!("{head} {order}")).unwrap();
        let order: Order = serde_json::from_str(&order).unwrap();
        if let Some(exit) = act(&mut socket, &order).await {
            says(&mut socket, Frame::Exit(exit)).await;
        }
    })
}

async fn act(socket: &mut WebSocket, order: &Order) -> Option<Exit> {
    match order.command[0].as_str() {
        "ls" => {
            says(socket, Frame::Stdout(b"Procfile\r\nmain.go\r\n".to_vec())).await;
            return Some(Exit::Ended { exit_code: 0 });
        }
        "refuse" => {
            let detail = "The session was ended. You do not have permission to perform this action.".to_owned();
            return Some(Exit::Refused { code: "permission-denied".to_owned(), detail });
        }
        "break" => return None,
        _ => says(socket, Frame::Stderr(b"ready\r\n".to_vec())).await,
    }
    loop {
        let Some(Ok(message)) = socket.recv().await else { return None };
        let Message::Binary(message) = message else { continue };
        let heard = match Frame::decode(&message).unwrap() {
            Frame::Stdin(keys) if keys.is_empty() => return Some(Exit::Ended { exit_code: 0 }),
            Frame::Stdin(keys) if keys.contains(&b'q') => return Some(Exit::Ended { exit_code: 3 }),
            Frame::Stdin(keys) => format!("typed {:?}\r\n", String::from_utf8(keys).unwrap()),
            Frame::Resize(size) => format!("now {}x{}\r\n", size.columns, size.rows),
            other => format!("{other:?}\r\n"),
        };
        says(socket, Frame::Stdout(heard.into_bytes())).await;
    }
}

async fn says(socket: &mut WebSocket, frame: Frame) {
    socket.send(Message::Binary(frame.encode().into())).await.unwrap();
}
