//! Every command: its help, a line that goes well, one that does not, and the first two on a narrow terminal. Each has one snapshot
//! with all of it; a command without one fails here, and so does a snapshot without a command.

use std::fs;
use std::path::Path;

use tempfile::TempDir;

use crate::cluster::Cluster;
use crate::helm::Helm;
use crate::platform::Platform;
use crate::routers;

/// What goes well, on a platform that is well, and what does not. HELM is a helm that does what it is told, FOLDER an empty folder.
const EXAMPLES: &[(&str, Success, &str)] = &[
    ("backup", Success::Elsewhere, "backup ftp://host/backups"),
    ("completions", Success::Here("completions bash"), "completions tcsh"),
    ("config get", Success::Elsewhere, "config ruoter get"),
    ("config rm", Success::Elsewhere, "config workflow rm registration-mode"),
    ("config set", Success::Elsewhere, "config workflow set registration-mode=open"),
    ("diagnose", Success::Here("diagnose --file=FOLDER/diagnosis.tar.gz"), "diagnose --context=other"),
    ("dock", Success::Here("dock router -- cat /etc/hostname"), "dock router -- sh -c exit 7"),
    ("doctor", Success::Elsewhere, "doctor --context=other"),
    ("explain", Success::Here("explain www.example.com"), "explain no_host"),
    ("init", Success::Here("init --domain=apps.example.com"), "init --domain=apps..com"),
    ("install", Success::Here("install --domain=apps.example.com HELM"), "install --helm=/nonexistent/helm"),
    ("journal", Success::Here("journal router"), "journal ruoter"),
    ("list", Success::Here("list"), "list --context=other"),
    ("machines", Success::Here("machines"), "machines --context=other"),
    ("restart", Success::Here("restart router etcd"), "restart ruoter"),
    ("restore", Success::Elsewhere, "restore FOLDER"),
    ("rolling-restart", Success::Here("rolling-restart state registry-proxy"), "rolling-restart zebra"),
    ("scale", Success::Here("scale router=3"), "scale etcd=3"),
    ("ssh", Success::Here("ssh one -- uname -n"), "ssh zebra"),
    ("status", Success::Here("status"), "status ruoter"),
    ("uninstall", Success::Here("uninstall --purge --confirm=deis HELM"), "uninstall --purge --confirm=another HELM"),
    ("upgrade", Success::Here("upgrade --despite-faults HELM"), "upgrade HELM"),
];

/// Where a command's success is shown.
enum Success {
    /// By this line, on a cluster that only tells.
    Here(&'static str),
    /// On the real node: see [`ELSEWHERE`].
    Elsewhere,
}

/// Commands that no stand-in answers honestly: why, and where their success stands, on a wide and on a narrow terminal. Backup and
/// restore take their time and say the same on both: one of each has to do.
const ELSEWHERE: &[(&str, &str, &[&str])] = &[
    ("backup", "PostgreSQL, git and the registry give what is in it", &["restore/snapshots/restore__backup"]),
    (
        "config get",
        "state answers, over gRPC",
        &["cluster/snapshots/cluster__tools__config_get", "cluster/snapshots/cluster__tools__narrow_config_get"],
    ),
    (
        "config rm",
        "state answers, over gRPC",
        &["cluster/snapshots/cluster__tools__config_rm", "cluster/snapshots/cluster__tools__narrow_config_rm"],
    ),
    (
        "config set",
        "state answers, over gRPC",
        &["cluster/snapshots/cluster__tools__config_set", "cluster/snapshots/cluster__tools__narrow_config_set"],
    ),
    (
        "doctor",
        "a platform that is well has certificates, a release of helm and an etcd that answers",
        &["cluster/snapshots/cluster__tools__doctor", "cluster/snapshots/cluster__tools__narrow_doctor"],
    ),
    ("restore", "PostgreSQL, git and the registry take what is in it", &["restore/snapshots/restore__restore"]),
];

/// What these print is long and has tests of its own: so many lines are enough.
const LONG: (&str, usize) = ("completions", 20);

/// What `helm install` and `helm upgrade` say, without the chart's notes.
const INSTALLED: &str = r#"printf 'Release "deis" does not exist. Installing it now.\nNAME: deis\nLAST DEPLOYED: Sat Nov 28 12:00:00 2026\nNAMESPACE: deis\nSTATUS: deployed\nREVISION: 1\n'"#;
const UPGRADED: &str = r#"printf 'Release "deis" has been upgraded. Happy Helming!\nNAME: deis\nLAST DEPLOYED: Sat Nov 28 12:00:00 2026\nNAMESPACE: deis\nSTATUS: deployed\nREVISION: 3\n'"#;
const DONE: [(&str, &str); 3] = [("superseded", "0.1.0"), ("superseded", "0.1.0"), ("deployed", "0.2.0")];

/// An operator's machine, and the cluster.
struct Machine {
    cluster: Cluster,
    helm: Helm,
    folder: TempDir,
}

impl Machine {
    async fn new(name: &str) -> Self {
        let helm = Helm::new(if name == "install" { INSTALLED } else { UPGRADED }, &DONE);
        let cluster = match name {
            "explain" => routers::cluster().await,
            _ => Platform::well().cluster().await,
        };
        Self { cluster, helm, folder: tempfile::tempdir().unwrap() }
    }

    fn line(&self, line: &str) -> String {
        line.replace("HELM", &self.helm.option()).replace("FOLDER", self.folder())
    }

    fn folder(&self) -> &str {
        self.folder.path().to_str().unwrap()
    }

    async fn says(&self, line: &str) -> String {
        self.neutral(&self.cluster.said(&self.line(line)).await)
    }

    async fn shows(&self, line: &str) -> String {
        self.neutral(&self.cluster.seen_narrow(&self.line(line)).await)
    }

    fn neutral(&self, said: &str) -> String {
        self.helm.named(said).replace(self.folder(), "/folder")
    }
}

fn clipped(name: &str, text: &str) -> String {
    let (long, most) = LONG;
    let lines = text.lines().collect::<Vec<_>>();
    match lines.get(..most) {
        Some(first) if name == long => format!("{}\n…\n", first.join("\n")),
        _ => text.to_owned(),
    }
}

/// Each on a machine of its own.
async fn told(name: &str, success: &Success, failure: &str) -> String {
    // What a command has before its verb.
    let help = format!("{} --help", name.replace("config ", "config router "));
    let machine = async || Machine::new(name).await;
    let mut sections = vec![("help", machine().await.says(&help).await)];
    if let Success::Here(line) = success {
        sections.push(("success", machine().await.says(line).await));
    }
    sections.push(("failure", machine().await.says(failure).await));
    sections.push(("narrow help", machine().await.shows(&help).await));
    if let Success::Here(line) = success {
        sections.push(("narrow success", machine().await.shows(line).await));
    }
    let ended = |title: &str, text: &str| {
        let code = text.trim_end().rsplit(' ').next().unwrap();
        assert_eq!(code == "0", title != "failure", "{name}, {title}: {text}");
    };
    sections.iter().for_each(|(title, text)| ended(title, text));
    let sections = sections.iter().map(|(title, text)| format!("##### {title}\n{}\n", clipped(name, text)));
    sections.collect::<String>()
}

#[tokio::test]
async fn each_is_shown_in_all_its_forms() {
    for (name, success, failure) in EXAMPLES {
        insta::assert_snapshot!(name.replace(' ', "_"), told(name, success, failure).await);
    }
}

/// The names under `Commands:` in a help.
fn listed(help: &str) -> Vec<String> {
    let Some((_, list)) = help.split_once("Commands:\n") else { return Vec::new() };
    let list = list.split("\n\n").next().unwrap().lines();
    let names = list.filter(|line| line.starts_with("  ") && !line.starts_with("   "));
    names.map(|line| line.split_whitespace().next().unwrap().to_owned()).collect()
}

/// Every command that has no commands below it.
async fn leaves() -> Vec<String> {
    let machine = Machine::new("").await;
    let mut leaves = Vec::new();
    for name in listed(&machine.says("--help").await) {
        let below = listed(&machine.says(&format!("{name} --help")).await);
        if below.is_empty() {
            leaves.push(name);
        } else {
            leaves.extend(below.iter().map(|verb| format!("{name} {verb}")));
        }
    }
    leaves.sort_unstable();
    leaves
}

#[tokio::test]
async fn none_is_left_out() {
    let shown = EXAMPLES.iter().map(|(name, ..)| (*name).to_owned()).collect::<Vec<_>>();
    assert_eq!(leaves().await, shown, "the commands there are, and those that have examples");

    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/tools/snapshots");
    let files = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut files = files.filter(|file| file.starts_with("tools__commands__")).collect::<Vec<_>>();
    files.sort_unstable();
    let mut expected =
        shown.iter().map(|name| format!("tools__commands__{}.snap", name.replace(' ', "_"))).collect::<Vec<_>>();
    expected.sort_unstable();
    assert_eq!(files, expected, "the snapshots there are, and those of commands");
}

/// A success that is not shown here is shown on the real node.
#[test]
fn no_success_is_left_out() {
    let elsewhere =
        EXAMPLES.iter().filter(|(_, success, _)| matches!(success, Success::Elsewhere)).map(|(name, ..)| *name);
    let known = ELSEWHERE.iter().map(|(name, ..)| *name);
    assert_eq!(elsewhere.collect::<Vec<_>>(), known.collect::<Vec<_>>());
    let tests = Path::new(env!("CARGO_MANIFEST_DIR")).join("../integration/tests");
    for (name, why, snapshots) in ELSEWHERE {
        for snapshot in *snapshots {
            assert!(tests.join(format!("{snapshot}.snap")).exists(), "{name}: {snapshot}, for {why}");
        }
    }
}
