//! A controller that dies before it has answered, and the one that answers then.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Runtime;

use crate::stub::{app, config, page, pods};
use crate::terminal::{on_terminal, read_to_end};
use crate::transcript::Machine;

/// What becomes of one request.
enum Act {
    /// It is read, and the connection breaks.
    Die,
    /// Status, code and body.
    Answer(u16, &'static str, Value),
}

/// Controllers, each of which takes one request.
struct Mortal {
    address: SocketAddr,
    /// `POST /v2/… <key>` of each request.
    asked: Receiver<(String, String)>,
    _runtime: Runtime,
}

impl Mortal {
    fn start(acts: impl IntoIterator<Item = Act>) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
        let address = listener.local_addr().unwrap();
        let (sender, asked) = sync_channel(256);
        let mut acts = acts.into_iter().collect::<VecDeque<_>>();
        runtime.spawn(async move {
            while let Some(act) = acts.pop_front() {
                let (stream, _) = listener.accept().await.unwrap();
                serve(BufReader::new(stream), act, &sender).await;
            }
        });
        Self { address, asked, _runtime: runtime }
    }

    /// What the requests were, and how many keys they had between them.
    fn asked(&self) -> (Vec<String>, usize) {
        let (requests, mut keys): (Vec<_>, Vec<_>) = self.asked.try_iter().unzip();
        keys.dedup();
        assert!(keys.iter().all(|key| key.len() == 32), "{keys:?}");
        (requests, keys.len())
    }

    fn run(&self, line: &str) -> String {
        let address = format!("http://{}", self.address);
        let told = Machine::usual().run_with(line, &[("http_proxy", &address)], "");
        told.trim_end().to_owned()
    }
}

async fn serve(mut stream: BufReader<TcpStream>, act: Act, asked: &SyncSender<(String, String)>) {
    let (mut head, mut length, mut key) = (String::new(), 0, String::new());
    loop {
        let mut line = String::new();
        stream.read_line(&mut line).await.unwrap();
        match line.trim_end().split_once(": ") {
            Some((name, value)) if name.eq_ignore_ascii_case("content-length") => length = value.parse().unwrap(),
            Some((name, value)) if name.eq_ignore_ascii_case("idempotency-key") => value.clone_into(&mut key),
            Some(_) => {}
            None if line.trim_end().is_empty() => break,
            None => head = line.replace("http://deis.example.com", "").replace("HTTP/1.1", ""),
        }
    }
    stream.read_exact(&mut vec![0; length]).await.unwrap();
    asked.send((head.trim_end().to_owned(), key)).unwrap();
    let Act::Answer(status, code, body) = act else { return };
    let body = if body.is_null() { String::new() } else { body.to_string() };
    let code = if code.is_empty() { String::new() } else { format!("deis-error-code: {code}\r\n") };
    let answer = format!(
        "HTTP/1.1 {status} Told\r\ndeis_api_version: 2.3\r\n{code}connection: close\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(answer.as_bytes()).await.unwrap();
    stream.shutdown().await.unwrap();
}

fn done(status: u16, body: Value) -> Act {
    Act::Answer(status, "", body)
}

fn router(status: u16, code: &'static str) -> Act {
    Act::Answer(status, code, json!({"detail": "The app closed the connection without an answer.", "code": code}))
}

const CONFIG: &str = "POST /v2/apps/earthy-instinct/config/";

fn changed() -> Act {
    done(201, config(json!({"POWERED_BY": "Kubernetes"})))
}

#[test]
fn a_change_is_asked_for_again_with_the_same_key() {
    let mortal = Mortal::start([Act::Die, router(502, "backend-failed"), router(503, "no-backend"), changed()]);
    insta::assert_snapshot!(mortal.run("config:set POWERED_BY=Kubernetes -a earthy-instinct"));
    let (requests, keys) = mortal.asked();
    assert_eq!(requests, [CONFIG; 4]);
    assert_eq!(keys, 1);
}

#[test]
fn what_reads_is_asked_again_and_so_is_a_scale() {
    let list = || done(200, pods(&[("earthy-instinct-v2-web-wydts", "web")]));
    let mortal = Mortal::start([Act::Die, done(204, Value::Null), Act::Die, list()]);
    let told = mortal.run("ps:scale web=1 -a earthy-instinct");
    assert!(told.contains("earthy-instinct-v2-web-wydts up (v2)") && !told.contains("stderr"), "{told}");
    let (requests, keys) = mortal.asked();
    assert_eq!((requests.len(), keys), (4, 2));
}

/// Whatever changes something: the controller knows by the key what it has done already.
#[test]
fn every_change_is_asked_for_again_with_the_same_key() {
    let pods = || pods(&[("earthy-instinct-v2-web-wydts", "web")])["results"].clone();
    for (line, status, body) in [
        ("ps:restart -a earthy-instinct", 200, pods()),
        ("apps:transfer alice -a earthy-instinct", 200, Value::Null),
        ("apps:destroy -a earthy-instinct --confirm=earthy-instinct", 204, Value::Null),
        ("builds:cancel -a earthy-instinct", 200, json!({"sha": "acaa8a5f00000000000000000000000000000000"})),
        ("domains:add www.example.com -a earthy-instinct", 201, Value::Null),
        ("domains:remove www.example.com -a earthy-instinct", 204, Value::Null),
        ("perms:delete alice -a earthy-instinct", 204, Value::Null),
        ("whitelist:remove 10.0.0.1 -a earthy-instinct", 204, Value::Null),
        ("autoscale:set web --min=1 --max=2 --cpu-percent=75 -a earthy-instinct", 201, Value::Null),
    ] {
        let mortal = Mortal::start([Act::Die, router(502, "backend-failed"), done(status, body)]);
        let told = mortal.run(line);
        assert!(told.contains("done") && !told.contains("stderr"), "{line}: {told}");
        let (requests, keys) = mortal.asked();
        assert_eq!((requests.len(), keys), (3, 1), "{line}: {requests:?}");
    }
}

/// A name that is mistyped is told, although the way to the controller broke at first.
#[test]
fn nothing_is_taken_from_an_app_that_is_not_there() {
    let unknown = || Act::Answer(404, "not-found", json!("No App matches the given query."));
    let apps = || done(200, page(1, json!([app("earthy-instinct")])));
    let acts = [router(502, "backend-failed"), unknown(), apps()];
    insta::assert_snapshot!(Mortal::start(acts).run("domains:remove www.example.com -a earthy-instint"));
}

/// The router has handed nothing on: what must not be done twice is asked again as well.
#[test]
fn what_found_no_place_at_the_controller_is_asked_again() {
    let list = done(200, pods(&[("earthy-instinct-v2-web-wydts", "web")])["results"].clone());
    let busy = || router(503, "backend-busy");
    let mortal = Mortal::start([busy(), busy(), list]);
    let told = mortal.run("ps:restart -a earthy-instinct");
    assert!(told.contains("done in") && !told.contains("stderr"), "{told}");
    assert_eq!(mortal.asked().0.len(), 3);

    let mortal = Mortal::start([busy(), busy(), changed()]);
    let shown = on_a_terminal(&mortal);
    assert_eq!(shown.matches("The controller has too much to do; asking again…").count(), 1, "{shown}");
}

/// What a command prints is told once: who has lost that is told where to look.
#[test]
fn a_command_is_not_asked_for_again() {
    let mortal = Mortal::start([Act::Die]);
    insta::assert_snapshot!(mortal.run("run -a earthy-instinct ls"));
    assert_eq!(mortal.asked().0.len(), 1);
}

/// The shortest way to the end of the patience; how long it is without `--timeout`, the module's own tests know.
#[test]
fn who_is_not_answered_is_told_what_goes_on() {
    let mortal = Mortal::start(std::iter::repeat_with(|| Act::Die).take(64));
    insta::assert_snapshot!(mortal.run("config:set POWERED_BY=Kubernetes -a earthy-instinct --timeout 2s"));
    let (requests, keys) = mortal.asked();
    assert!(requests.len() > 2 && keys == 1, "{requests:?}");
}

/// The router's word for a controller that died is as good as a connection that broke.
#[test]
fn who_hears_of_a_broken_controller_is_told_what_goes_on() {
    let told = [(502, "backend-failed"), (504, "backend-timed-out"), (503, "unavailable")].map(|(status, code)| {
        let told = Mortal::start([router(status, code)]).run("run -a earthy-instinct ls");
        format!("{told}\n\n")
    });
    insta::assert_snapshot!(told.concat());
}

#[test]
fn a_person_at_a_terminal_is_told_once_that_it_goes_on() {
    let shown = on_a_terminal(&Mortal::start([Act::Die, Act::Die, changed()]));
    assert_eq!(shown.matches("The controller went away; asking again…").count(), 1, "{shown}");
    assert!(shown.contains("Creating config... done"), "{shown}");
}

/// What a person sees who sets a variable.
fn on_a_terminal(mortal: &Mortal) -> String {
    let machine = Machine::usual();
    let proxy = format!("http_proxy=http://{}", mortal.address);
    let mut child = on_terminal(&machine, "config:set POWERED_BY=Kubernetes -a earthy-instinct", &proxy);
    let shown = read_to_end(&mut child);
    assert!(child.wait().unwrap().success());
    shown
}
