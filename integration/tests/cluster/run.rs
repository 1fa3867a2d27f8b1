//! Commands that people run in an app's image: with their output, without anybody who waits, and on a real terminal.

use std::time::{Duration, Instant};

use k8s_openapi::api::core::v1::Pod;
use kube::ResourceExt as _;
use kube::api::DeleteParams;

use crate::support::{App, Developer, Platform, eventually};

/// Selects the pods of commands.
const RUNS: &str = "heritage=deis,type=run";

#[tokio::test]
async fn a_command_runs_once_and_leaves_nothing() {
    let platform = Platform::connect().await;
    let developer = Developer::register(&platform, "runner").await;
    let (repository, app) = developer.pushed_app("go").await;
    drop(repository.deis(&["config:set", "POWERED_BY=Runs"]).await.succeeded());
    app.was_configured("POWERED_BY", "Runs");

    let ran = repository.deis(&["run", "--", "echo $DEIS_APP $POWERED_BY; id -u"]).await.succeeded();
    let (name, line) = (&app.name, "Running 'echo $DEIS_APP $POWERED_BY; id -u'...");
    assert_eq!(ran.stdout, format!("{line}\n{name} Runs\n1000\n"), "{ran}");
    let failed = repository.deis(&["run", "--", "echo no >&2; exit 3"]).await.failed(3);
    assert_eq!(failed.stderr, "no\n", "{failed}");
    let late = repository.deis(&["run", "--timeout", "5s", "sleep", "600"]).await.failed(1);
    assert!(late.stderr.contains("(run): Timed out (5 s) while running"), "{late}");
    let pods = platform.objects::<Pod>(name);
    eventually("the commands' pods are gone", &pods, RUNS, |pods| pods.is_empty()).await;

    let started = repository.deis(&["run", "--detach", "echo nobody waits; exit 7"]).await.succeeded();
    let pod = started.stdout.split("Started as ").nth(1).unwrap().split('.').next().unwrap().to_owned();
    let mut following = repository.follow_logs(&[]);
    drop(following.until(&format!("deis[controller] -- {pod} ended with exit code 7")).await);
    let printed = repository.deis(&["logs", "--process", "run"]).await.succeeded();
    assert!(printed.stdout.contains(&format!("{pod} -- ")) && printed.stdout.contains("nobody waits"), "{printed}");
    let listed = repository.deis(&["ps"]).await.succeeded();
    assert!(!listed.stdout.contains("-run-"), "{listed}");
}

/// The command goes on when the controller that waits for it dies, and whoever asked hears that.
#[tokio::test]
async fn who_waits_for_a_controller_that_dies_is_told() {
    let platform = Platform::connect_alone().await;
    let developer = Developer::register(&platform, "patient").await;
    let (repository, app) = developer.pushed_app("go").await;
    let kill = async {
        let pods = platform.objects::<Pod>(&app.name);
        begun(&pods).await;
        for controller in platform.names::<Pod>("deis").await.iter().filter(|name| name.starts_with("deis-workflow-")) {
            let own = platform.own::<Pod>();
            #[expect(clippy::disallowed_methods, reason = "what an upgrade does")]
            let deleted = own.delete(controller, &DeleteParams::default()).await;
            drop(deleted.unwrap());
        }
    };
    let (told, ()) = tokio::join!(repository.deis(&["run", "sleep", "60"]), kill);
    let told = told.failed(1);
    let look = format!("'deis logs -a {} --process run' shows what it prints.", app.name);
    assert!(told.stderr.contains("the command goes on") || told.stderr.contains("goes on without you"), "{told}");
    assert!(told.stderr.contains(&look), "{told}");
    crate::support::recovered(&platform).await;
    drop(repository.deis(&["run", "true"]).await.succeeded());
}

/// Waits until a command runs; answers its pod.
async fn begun(pods: &kube::Api<Pod>) -> String {
    let begun = eventually("the command runs", pods, RUNS, |pods| {
        pods.iter().any(|pod| pod.status.as_ref().and_then(|status| status.phase.as_deref()) == Some("Running"))
    });
    begun.await.swap_remove(0).name_any()
}

#[tokio::test]
async fn a_person_works_with_a_shell() {
    let platform = Platform::connect().await;
    let developer = Developer::register(&platform, "shell").await;
    let (repository, app) = developer.pushed_app("go").await;

    let mut shell = repository.on_terminal("run -- /bin/bash --norc");
    shell.shows("Running '/bin/bash --norc'...").await;
    shell.shows("$ ").await;
    shell.types("stty size; echo is-$((6 * 7))\r").await;
    let size = shell.shows("is-42").await;
    assert!(size.contains("24 80"), "{size:?}");
    // Ctrl-C ends what runs, and neither the shell nor us. It has to run: a shell that is about to start something loses the signal.
    shell.types("tail -f /etc/passwd\r").await;
    shell.shows("/home/app").await;
    shell.types("\u{3}").await;
    shell.shows("^C").await;
    shell.shows("$ ").await;
    shell.types("echo interrupted-$?\r").await;
    shell.shows("interrupted-130").await;
    // Nobody types before he is asked, nor pulls at the window.
    shell.shows("$ ").await;
    shell.resizes(100, 40).await;
    // The shell hears of it by a signal, before it reads what is typed next or after.
    shell.types("until [ \"$(stty size)\" = '40 100' ]; do sleep 0.1; done; echo resized-$((6 * 7))\r").await;
    shell.shows("resized-42").await;
    shell.types("exit 3\r").await;
    let (code, shown) = shell.ends().await;
    assert_eq!(code, Some(3), "{shown:?}");
    gone(&platform, &app).await;

    // Ctrl-C is the command's own affair where there is no shell.
    let mut command = repository.on_terminal("run -- tail -f /etc/passwd");
    command.shows("Running 'tail -f /etc/passwd'...").await;
    command.shows("/home/app").await;
    command.types("\u{3}").await;
    assert_eq!(command.ends().await.0, Some(130));
    gone(&platform, &app).await;

    // Who goes away takes his command with him.
    let shell = repository.on_terminal("run -- /bin/bash --norc");
    begun(&platform.objects(&app.name)).await;
    drop(shell);
    gone(&platform, &app).await;

    // Without a terminal, what comes on the standard input is handed over.
    let counted =
        repository.deis_with_input(&["run", "--interactive", "--", "wc -l; exit 4"], "one\ntwo\n").await.failed(4);
    assert_eq!(counted.stdout, "2\n", "{counted}");
}

async fn gone(platform: &Platform, app: &App<'_>) {
    eventually("the command's pod is gone", &platform.objects::<Pod>(&app.name), RUNS, |pods| pods.is_empty()).await;
}

#[tokio::test]
async fn a_person_looks_into_a_process() {
    let platform = Platform::connect().await;
    let developer = Developer::register(&platform, "looker").await;
    let (repository, app) = developer.pushed_app("go").await;
    let pod = app.pods().await.swap_remove(0).name_any();
    let printed = repository.deis(&["ps:exec", &pod, "--", "printenv", "DEIS_APP", "PORT"]).await.succeeded();
    assert_eq!(printed.stdout, format!("{}\n5000\n", app.name), "{printed}");
    drop(repository.deis(&["ps:exec", &pod, "--", "bash", "-c", "exit 5"]).await.failed(5));
    let mut shell = repository.on_terminal(&format!("ps:exec {pod} -- bash --norc"));
    shell.shows("$ ").await;
    shell.types("stty size; exit 6\r").await;
    let (code, shown) = shell.ends().await;
    assert!(code == Some(6) && shown.contains("24 80"), "{code:?} {shown:?}");
    assert_eq!(app.get().await.0, 200, "the process serves on");
    let unknown = repository.deis(&["ps:exec", "no-such-pod", "--", "true"]).await.failed(1);
    assert!(unknown.stderr.contains("There is no process no-such-pod"), "{unknown}");
}

#[tokio::test]
async fn a_collaborator_who_is_revoked_is_out_within_5_s() {
    let platform = Platform::connect().await;
    let owner = Developer::register(&platform, "owner").await;
    let (repository, app) = owner.pushed_app("go").await;
    let friend = Developer::register(&platform, "friend").await;
    drop(repository.deis(&["perms:create", &friend.name]).await.succeeded());
    let theirs = friend.repository("go").await;
    let mut logs = theirs.follow_logs(&["--app", &app.name]);
    drop(logs.until("was granted access").await);
    let mut shell = theirs.on_terminal(&format!("run -a {} -- /bin/bash --norc", app.name));
    shell.shows("$ ").await;

    drop(repository.deis(&["perms:delete", &friend.name]).await.succeeded());
    let revoked = Instant::now();
    let ((code, shown), _lines) = tokio::join!(shell.ends(), logs.until("The session was ended."));
    let lasted = revoked.elapsed();
    assert!(lasted < Duration::from_secs(5), "{lasted:?}");
    assert_eq!(logs.ended().await.code(), Some(1), "it asks again, and is refused");
    assert!(shown.contains("The session was ended. You do not have permission"), "{shown:?}");
    assert_eq!(code, Some(1));
    gone(&platform, &app).await;
}
