//! The agent as a process of its own, on files that are written and rotated as on a node.

use std::ops::Range;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use deis_bootstrap::{Context, deadline};
use deis_proto::logger::entry::Entry as Kind;
use deis_proto::logger::{Entry, ReadRequest};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::sync::watch;
use tonic::Streaming;

use super::kubelet::{Container, record};
use super::kubernetes::{Kubernetes, NODE};
use super::redis::Redis;
use super::service::{PATIENCE, Service, next, until};

/// A server that keeps all, whatever the test writes.
const ALL: [&str; 6] = ["--lines-per-app", "10000000", "--bytes-per-app", "4000000000", "--bytes-in-all", "8000000000"];

/// A node with its log folder, its Kubernetes and its agent.
struct TestNode {
    context: Context,
    kubernetes: Kubernetes,
    folder: TempDir,
    agent: Option<Child>,
}

impl TestNode {
    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let context = Context::new("node");
        let kubernetes = Kubernetes::start(&context).await;
        std::fs::create_dir(folder.path().join("pods")).unwrap();
        std::fs::write(folder.path().join("kubeconfig"), kubernetes.config()).unwrap();
        Self { context, kubernetes, folder, agent: None }
    }

    fn pods(&self) -> PathBuf {
        self.folder.path().join("pods")
    }

    /// An app with one pod, `web-of-{app}`.
    fn app(&self, app: &str) -> Container {
        self.kubernetes.namespace(app, json!({"heritage": "deis", "app": app}));
        self.pod(app, &format!("web-of-{app}"), ours(app))
    }

    fn pod(&self, namespace: &str, pod: &str, labels: Value) -> Container {
        self.kubernetes.pod(namespace, pod, labels);
        Container::start(&self.pods(), namespace, pod)
    }

    fn start_agent(&mut self, service: &Service) {
        let path = |name: &str| self.folder.path().join(name);
        #[expect(clippy::disallowed_methods, reason = "the program under test")]
        let agent = Command::new(env!("CARGO_BIN_EXE_logger"))
            .arg("agent")
            .env_clear()
            .env("DEIS_ADMIN_ADDRESS", "127.0.0.1:0")
            .env("DEIS_TLS", service.certificates("logger-agent"))
            .env("DEIS_LOGGER", service.address())
            .env("NODE_NAME", NODE)
            .env("KUBECONFIG", path("kubeconfig"))
            .env("DEIS_LOG_DIRECTORY", path("pods"))
            .env("DEIS_LOG_POSITIONS", path("state/positions"))
            .stderr(Stdio::inherit())
            .spawn()
            .unwrap();
        self.agent = Some(agent);
    }

    /// As the kernel does when memory runs out: nothing is said, nothing is finished.
    fn kill_agent(&mut self) {
        if let Some(mut agent) = self.agent.take() {
            agent.kill().unwrap();
            agent.wait().unwrap();
        }
    }
}

impl Drop for TestNode {
    fn drop(&mut self) {
        self.kill_agent();
        self.context.shutdown.cancel();
    }
}

fn ours(app: &str) -> Value {
    json!({"heritage": "deis", "app": app, "type": "web", "version": "v2"})
}

/// Reads an app's lines, whose texts begin with their numbers, and holds them to their order.
#[derive(Default)]
struct Reader {
    lines: u64,
    dropped: u64,
    /// The number that is next, if nothing is missing.
    next: u64,
}

impl Reader {
    fn take(&mut self, entry: &Entry, app: &str) {
        match entry.entry.as_ref().unwrap() {
            Kind::Line(line) => {
                assert_eq!((line.pod.as_str(), line.process.as_str()), (&*format!("web-of-{app}"), "web"));
                let text = std::str::from_utf8(&line.text).unwrap();
                let (number, rest) = text.split_once(' ').unwrap_or((text, ""));
                let number = number.parse::<u64>().unwrap_or_else(|_| panic!("not a line of {app}: {text:.80}"));
                assert!(number >= self.next, "{number} is doubled: {} were through", self.next);
                assert_eq!(rest.len(), padding(number), "{number} is cut");
                assert!(number == self.next || self.dropped > 0, "{} is missing before {number}", self.next);
                self.next = number + 1;
                self.lines += 1;
            }
            Kind::Dropped(dropped) => self.dropped += dropped.lines,
            Kind::Event(_) | Kind::CaughtUp(_) => {}
        }
    }

    /// Reads until so many lines were delivered or reported as dropped.
    async fn read(mut self, mut entries: Streaming<Entry>, app: &str, all: u64, seen: &watch::Sender<u64>) -> Self {
        while self.lines + self.dropped < all {
            let entry = deadline(PATIENCE, entries.message()).await.unwrap_or_else(|late| {
                panic!("{late}: {} lines of {app} and {} dropped of {all}", self.lines, self.dropped)
            });
            self.take(&entry.unwrap().unwrap(), app);
            seen.send_replace(self.lines + self.dropped);
        }
        self
    }
}

/// Most lines are short; some have parts.
fn padding(number: u64) -> usize {
    if number % 1000 == 999 { 40_000 } else { 60 }
}

fn numbered(numbers: Range<u64>) -> impl Iterator<Item = String> {
    numbers.map(|number| format!("{number} {}", "x".repeat(padding(number))))
}

fn follow(app: &str) -> ReadRequest {
    ReadRequest { app: app.to_owned(), lines: 1_000_000, follow: true, ..ReadRequest::default() }
}

/// Issue 4's count: as many lines as `DEIS_SOAK_LINES` says over at least ten rotations, the agent killed three times and Redis once.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_line_is_delivered_once_whoever_is_killed() {
    const FILES: u64 = 14;
    const KILLS: [u64; 3] = [3, 6, 10];
    let all = std::env::var("DEIS_SOAK_LINES").map_or(200_000, |lines| lines.parse().unwrap());
    let in_file = all / FILES;

    let mut redis = Redis::start();
    let service = Service::start(&redis, &ALL).await;
    let mut node = TestNode::new().await;
    let mut container = node.app("counted");
    let mut quiet = node.app("quiet");
    // Lines that are nobody's: other people's, the platform's, and those of a pod that pretends.
    node.kubernetes.namespace("stranger", json!({}));
    let mut strangers = [
        node.pod("stranger", "stranger", ours("counted")),
        node.pod("deis", "platform", ours("deis")),
        node.pod("quiet", "liar", ours("counted")),
        node.pod("quiet", "builds", json!({"heritage": "deis", "app": "quiet", "type": "build", "version": "v1"})),
    ];
    strangers.iter_mut().for_each(|stranger| stranger.print("not a number"));

    let seen = watch::channel(0).0;
    let mut progress = seen.subscribe();
    let entries = service.read(follow("counted")).await;
    let reader = service
        .context
        .tasks
        .spawn("reader", async move { Reader::default().read(entries, "counted", all, &seen).await });
    node.start_agent(&service);
    let mut written = 0;
    for file in 0..FILES {
        let end = if file + 1 == FILES { all } else { written + in_file };
        let kill_at = written + in_file / 2;
        while written < end {
            let until = (written + 100).min(end);
            container.print_all(numbered(written..until));
            if KILLS.contains(&file) && (written..until).contains(&kill_at) {
                node.kill_agent();
            }
            written = until;
        }
        quiet.print_all(numbered(file..file + 1));
        if file + 1 < FILES {
            let meanwhile = numbered(written..written + 7);
            container.rotate(meanwhile);
            written += 7;
        }
        if node.agent.is_none() {
            // Killed in the middle of a file, it finds another one.
            node.start_agent(&service);
        }
        if file == 8 {
            redis.kill();
            redis.start_again();
        }
        // The kubelet rotates every ten seconds at most: no agent has more than some files to go.
        let behind = written.saturating_sub(in_file * 2);
        deadline(PATIENCE, progress.wait_for(|seen| *seen >= behind)).await.unwrap().unwrap();
    }
    let reader = reader.await.unwrap();
    assert_eq!((reader.lines, reader.dropped), (all, 0));

    let entries = service.read(follow("quiet")).await;
    let quiet = Reader::default().read(entries, "quiet", FILES, &watch::channel(0).0).await;
    assert_eq!((quiet.lines, quiet.dropped), (FILES, 0));
    for nobody in ["stranger", "deis"] {
        assert!(service.newest(nobody, 0).await.is_empty(), "{nobody}");
    }
    assert_eq!(redis.ask::<Vec<String>>(&["ZRANGEBYSCORE", "log:sizes", "1", "+inf"]).len(), 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_nobody_took_in_time_is_counted() {
    const IN_FILE: u64 = 500;
    const FILES: u64 = 20;
    let mut redis = Redis::start();
    let service = Service::start(&redis, &ALL).await;
    let mut node = TestNode::new().await;
    let mut container = node.app("counted");
    let seen = watch::channel(0).0;
    let mut progress = seen.subscribe();
    let entries = service.read(follow("counted")).await;
    let all = IN_FILE * FILES;
    let reader = service
        .context
        .tasks
        .spawn("reader", async move { Reader::default().read(entries, "counted", all, &seen).await });
    node.start_agent(&service);
    container.print_all(numbered(0..IN_FILE));
    deadline(PATIENCE, progress.wait_for(|seen| *seen == IN_FILE)).await.unwrap().unwrap();

    redis.kill();
    service.unready().await;
    for file in 1..FILES {
        container.rotate(std::iter::empty());
        container.print_all(numbered(file * IN_FILE..(file + 1) * IN_FILE));
        // The agent holds files that the kubelet has removed, but has to have seen them.
        let current = container.inode();
        until(|| is_open(node.agent.as_ref().unwrap().id(), current)).await;
    }
    redis.start_again();
    let reader = reader.await.unwrap();
    assert_eq!(reader.lines + reader.dropped, all);
    assert!(reader.dropped > 0 && reader.dropped <= (FILES - 8) * IN_FILE, "{}", reader.dropped);
}

/// Whether a process has a file open.
fn is_open(process: u32, inode: u64) -> bool {
    use std::os::unix::fs::MetadataExt as _;
    let files = std::fs::read_dir(format!("/proc/{process}/fd")).unwrap();
    files.flatten().any(|file| std::fs::metadata(file.path()).is_ok_and(|metadata| metadata.ino() == inode))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_last_words_of_a_pod_are_read_though_it_is_gone() {
    let redis = Redis::start();
    let service = Service::start(&redis, &ALL).await;
    let mut node = TestNode::new().await;
    let mut container = node.app("mortal");
    let mut entries = service.read(follow("mortal")).await;
    assert_eq!(next(&mut entries).await.unwrap(), "caught up");
    node.start_agent(&service);
    container.print("0");
    assert_eq!(next(&mut entries).await.unwrap(), "web-of-mortal -- 0");
    node.kill_agent();
    // Nobody is there to hear that the pod is deleted; its files stay a while.
    container.print("1");
    node.kubernetes.delete_pod("mortal", "web-of-mortal", ours("mortal"));
    node.start_agent(&service);
    assert_eq!(next(&mut entries).await.unwrap(), "web-of-mortal -- 1");
    // A pod that ends while the agent is there, in the middle of a line.
    let mut container = node.pod("mortal", "web-2", ours("mortal"));
    container.print("2");
    assert_eq!(next(&mut entries).await.unwrap(), "web-2 -- 2");
    let part = record("stderr", "3").into_iter().map(|byte| if byte == b'F' { b'P' } else { byte });
    container.print_raw(&part.collect::<Vec<_>>());
    container.remove();
    assert_eq!(next(&mut entries).await.unwrap(), "web-2 -- 3");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn files_from_before_the_agent_are_read_in_their_order() {
    let redis = Redis::start();
    let service = Service::start(&redis, &ALL).await;
    let mut node = TestNode::new().await;
    let mut container = node.app("old");
    for file in 0..4 {
        container.print_all(numbered(file * 100..file * 100 + 90));
        container.rotate(numbered(file * 100 + 90..file * 100 + 100));
    }
    node.start_agent(&service);
    let entries = service.read(follow("old")).await;
    let reader = Reader::default().read(entries, "old", 400, &watch::channel(0).0).await;
    assert_eq!((reader.lines, reader.dropped), (400, 0));

    // While no agent was there, files went that nobody had read: somebody says so.
    node.kill_agent();
    for file in 4..10 {
        container.print_all(numbered(file * 100..file * 100 + 100));
        container.rotate(std::iter::empty());
    }
    node.start_agent(&service);
    let mut entries = service.read(follow("old")).await;
    let mut reader = Reader::default();
    while reader.next < 1000 {
        reader.take(&deadline(PATIENCE, entries.message()).await.unwrap().unwrap().unwrap(), "old");
    }
    assert_eq!(reader.dropped, 1, "the least that can be said");
    assert_eq!(reader.lines, 400 + 400);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_is_replaced_and_nothing_is_lost() {
    const LINES: u64 = 4000;
    let redis = Redis::start();
    let mut service = Service::start(&redis, &ALL).await;
    let mut node = TestNode::new().await;
    let mut container = node.app("a");
    node.start_agent(&service);
    for round in 0..4 {
        container.print_all(numbered(round * LINES..(round + 1) * LINES - LINES / 2));
        service.replace(&redis, &ALL).await;
        container.print_all(numbered((round + 1) * LINES - LINES / 2..(round + 1) * LINES));
    }
    service.ready().await;
    let entries = service.read(follow("a")).await;
    let reader = Reader::default().read(entries, "a", 4 * LINES, &watch::channel(0).0).await;
    assert_eq!((reader.lines, reader.dropped), (4 * LINES, 0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_agent_whose_notes_are_gone_loses_nothing() {
    let redis = Redis::start();
    let service = Service::start(&redis, &ALL).await;
    let mut node = TestNode::new().await;
    let mut container = node.app("a");
    let mut entries = service.read(follow("a")).await;
    node.start_agent(&service);
    let mut go_on_to = async |last: u64| {
        while !next(&mut entries).await.unwrap().starts_with(&format!("web-of-a -- {last} ")) {}
    };
    for file in 0..8 {
        container.print_all(numbered(file * 100..file * 100 + 100));
        go_on_to(file * 100 + 99).await;
        container.rotate(std::iter::empty());
    }
    node.kill_agent();
    std::fs::remove_dir_all(node.folder.path().join("state")).unwrap();
    node.start_agent(&service);
    // The first files are not there any more. Counted from the oldest that is, this line is at a position that is stored.
    container.print_all(numbered(800..801));
    go_on_to(800).await;
    // The same file is the oldest one: nothing is sent that was not.
    node.kill_agent();
    std::fs::remove_dir_all(node.folder.path().join("state")).unwrap();
    let stored = service.newest("a", 1_000_000).await.len();
    node.start_agent(&service);
    container.print_all(numbered(801..802));
    go_on_to(801).await;
    assert_eq!(service.newest("a", 1_000_000).await.len(), stored + 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_noisy_container_has_its_turn_and_no_more() {
    const NOISE: u64 = 60_000;
    let redis = Redis::start();
    let service = Service::start(&redis, &ALL).await;
    let mut node = TestNode::new().await;
    let (mut noisy, mut quiet) = (node.app("noisy"), node.app("quiet"));
    noisy.print_all(numbered(0..NOISE));
    quiet.print("0");
    let mut entries = service.read(follow("quiet")).await;
    assert_eq!(next(&mut entries).await.unwrap(), "caught up");
    node.start_agent(&service);
    assert_eq!(next(&mut entries).await.unwrap(), "web-of-quiet -- 0");
    let stored = service.newest("noisy", 1_000_000).await.len() as u64;
    assert!(stored < NOISE / 2, "{stored} lines came before one");
}
