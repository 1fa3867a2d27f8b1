//! How processes begin and end, as an app's users ask for it: what Kubernetes is told, and what it does.

use kube::ResourceExt as _;
use serde_json::{Value, json};

use crate::support::{App, Developer, Platform, is_ready};

#[tokio::test]
async fn processes_begin_and_end_as_was_asked_for() {
    let platform = Platform::connect().await;
    let developer = Developer::register(&platform, "ender").await;
    let (repository, app) = developer.pushed_app("go").await;
    drop(repository.deis(&["timeouts:set", "web=7"]).await.succeeded());

    let (begin, end) = ("echo begun > /tmp/begun", "echo it is told to end > /proc/1/fd/1; sleep 1");
    let hooks = json!({ "lifecycle_post_start": { "web": begin }, "lifecycle_pre_stop": { "web": end } });
    let (status, told) = configure(&developer, &app, &hooks).await;
    assert_eq!(status, 201, "{told}");
    let asked = app.template().await;
    let pods = app.eventually_pods("the one before is gone", |pods| matches!(pods, [pod] if is_ready(pod))).await;
    let [pod] = &pods[..] else { panic!("one pod: {pods:?}") };
    let spec = serde_json::to_value(&pod.spec).unwrap();
    // It was asked for as soon as the call was answered.
    assert_eq!(asked["containers"][0]["lifecycle"], spec["containers"][0]["lifecycle"]);
    assert_eq!(
        (&asked["terminationGracePeriodSeconds"], &spec["terminationGracePeriodSeconds"]),
        (&json!(7), &json!(7))
    );
    let lifecycle = &spec["containers"][0]["lifecycle"];
    let command = |hook: &str| lifecycle[hook]["exec"]["command"].as_array().and_then(|words| words.last()).cloned();
    assert_eq!((command("postStart"), command("preStop")), (Some(json!(begin)), Some(json!(end))));
    let begun = repository.deis(&["ps:exec", &pod.name_any(), "--", "cat", "/tmp/begun"]).await.succeeded();
    assert_eq!(begun.stdout, "begun\n");

    let mut following = repository.follow_logs(&[]);
    drop(repository.deis(&["ps:restart"]).await.succeeded());
    drop(following.until("it is told to end").await);

    // A hook that fails keeps the release from serving, and the one before goes on.
    let failing = json!({ "lifecycle_post_start": { "web": "exit 3" } });
    let (status, told) = configure(&developer, &app, &failing).await;
    assert_eq!(status, 400, "{told}");
    let detail = told["detail"].as_str().unwrap();
    assert!(detail.contains("its hook lifecycle_post_start failed"), "{detail}");
    assert_eq!(app.get().await.0, 200);
}

/// `POST …/config/`, for which `deis` has no command: the status and what is said.
async fn configure(developer: &Developer<'_>, app: &App<'_>, patch: &Value) -> (u16, Value) {
    let (controller, token) = developer.login();
    let request = reqwest::Client::new().post(format!("{controller}/v2/apps/{}/config/", app.name)).json(patch);
    let answer = request.header("authorization", format!("token {token}")).send().await.unwrap();
    (answer.status().as_u16(), answer.json().await.unwrap())
}
