//! Every language on the real node: pushed, served, logged, scaled, and pushed again with what the first build left.

use crate::support::{App, Developer, Platform, is_ready};

/// An example, and a change that makes another answer of it.
struct Example {
    name: &'static str,
    /// As the push says it.
    detected: &'static str,
    /// The process types of its Procfile; none for the one without.
    types: Option<&'static str>,
    file: &'static str,
    /// What the second push says it has from the first; the file server has nothing to keep.
    reused: Option<&'static str>,
}

async fn pushed_served_logged_scaled_and_pushed_again(example: &Example) {
    let Example { name, detected, types, file, reused } = example;
    let platform = Platform::connect().await;
    let developer = Developer::register(&platform, name).await;
    let repository = developer.repository(name).await;
    let created = repository.deis(&["create"]).await.succeeded();
    let app = App::named_in(&platform, &created.stdout);

    let first = repository.git(&["push", "deis", "master"]).await.succeeded();
    let title = format!("-----> {detected} app detected");
    let processes = match types {
        Some(types) => format!("Procfile declares types -> {types}"),
        None => format!("Default process types for {detected} -> web"),
    };
    let done = format!("Done, {}:v2 deployed to Deis", app.name);
    let first = first.has_lines(&[&title, &processes, &done]);
    assert!(!first.text().contains("Reusing"), "{first}");
    let (status, body) = app.get().await;
    assert!(status == 200 && body.contains("Powered by Deis"), "{name}: {status} {body}");

    drop(repository.follow_logs(&["--process=web"]).until("GET /").await);

    drop(repository.deis(&["scale", "web=2"]).await.succeeded());
    let pods = app.eventually_pods("two pods are ready", |pods| pods.iter().filter(|pod| is_ready(pod)).count() == 2);
    assert_eq!(pods.await.len(), 2);

    let path = repository.path().join(file);
    let source = std::fs::read_to_string(&path).unwrap();
    let changed = source.replace("Powered by", "Still powered by");
    assert_ne!(changed, source, "{file} says it");
    std::fs::write(path, changed).unwrap();
    drop(repository.commit("Another greeting").await);
    let second = repository.git(&["push", "deis", "master"]).await.succeeded();
    let done = format!("Done, {}:v3 deployed to Deis", app.name);
    let lines = reused.map(|what| format!("-----> Reusing {what} of the last build"));
    let lines = lines.iter().map(String::as_str).chain([done.as_str()]).collect::<Vec<_>>();
    drop(second.has_lines(&lines));
    let (status, body) = app.get().await;
    assert!(status == 200 && body.contains("Still powered by Deis"), "{name}: {status} {body}");
    drop(repository.deis(&["scale", "web=0"]).await.succeeded());
}

const WEB_AND_WORKER: Option<&str> = Some("web, worker");

#[tokio::test]
async fn go() {
    pushed_served_logged_scaled_and_pushed_again(&Example {
        name: "go",
        detected: "Go",
        types: Some("web"),
        file: "main.go",
        reused: Some("the build cache"),
    })
    .await;
}

#[tokio::test]
async fn java() {
    pushed_served_logged_scaled_and_pushed_again(&Example {
        name: "java",
        detected: "Java",
        types: WEB_AND_WORKER,
        file: "src/main/java/com/example/Server.java",
        reused: Some("the Maven repository"),
    })
    .await;
}

#[tokio::test]
async fn nodejs() {
    pushed_served_logged_scaled_and_pushed_again(&Example {
        name: "nodejs",
        detected: "Node.js",
        types: WEB_AND_WORKER,
        file: "server.js",
        reused: Some("the npm cache"),
    })
    .await;
}

#[tokio::test]
async fn php() {
    pushed_served_logged_scaled_and_pushed_again(&Example {
        name: "php",
        detected: "PHP",
        types: WEB_AND_WORKER,
        file: "public/index.php",
        reused: Some("the Composer cache"),
    })
    .await;
}

#[tokio::test]
async fn python() {
    pushed_served_logged_scaled_and_pushed_again(&Example {
        name: "python",
        detected: "Python",
        types: WEB_AND_WORKER,
        file: "app.py",
        reused: Some("the packages"),
    })
    .await;
}

#[tokio::test]
async fn ruby() {
    pushed_served_logged_scaled_and_pushed_again(&Example {
        name: "ruby",
        detected: "Ruby",
        types: WEB_AND_WORKER,
        file: "server.rb",
        reused: Some("the gems"),
    })
    .await;
}

#[tokio::test]
async fn files() {
    pushed_served_logged_scaled_and_pushed_again(&Example {
        name: "static",
        detected: "Static",
        types: None,
        file: "public/index.html",
        reused: None,
    })
    .await;
}
