//! `deis pull` on the real node: images from registries outside, deployed or refused as they say of themselves.

use k8s_openapi::api::core::v1::{Pod, Secret};
use kube::api::ListParams;
use serde_json::json;

use crate::support::{App, Developer, Image, Output, PASSWORD, PORT, Platform, Registry, USERNAME, elsewhere, here};

/// An app that images are pulled for.
struct Puller<'a> {
    platform: &'a Platform,
    developer: &'a Developer<'a>,
    app: App<'a>,
}

impl<'a> Puller<'a> {
    async fn create(platform: &'a Platform, developer: &'a Developer<'a>) -> Self {
        let created = developer.deis(&["create", "--no-remote"]).await.succeeded();
        Self { platform, developer, app: App::named_in(platform, &created.stdout) }
    }

    /// A command about the app.
    async fn deis(&self, arguments: &[&str]) -> Output {
        self.developer.deis(&[arguments, &["--app", &self.app.name]].concat()).await
    }

    /// Pulls an image, which is deployed.
    async fn pulls(&self, image: &str) {
        let pulled = self.deis(&["pull", image]).await.succeeded();
        assert_eq!(pulled.stdout, "Creating build... done\n");
    }

    /// Pulls an image, which is refused with this code and sentence; neither a release nor a build comes of it.
    async fn is_refused(&self, image: &str, code: &str, sentence: &str) {
        let before = self.ledger().await;
        let refused = self.deis(&["pull", image]).await.failed(1);
        let (error, code) = (format!("Error: {sentence}"), format!("Code: {code}"));
        drop(refused.has_lines(&[&error, &code]));
        assert_eq!(self.ledger().await, before, "{image}");
    }

    /// All releases and builds.
    async fn ledger(&self) -> String {
        let releases = self.deis(&["releases"]).await.succeeded().stdout;
        releases + &self.deis(&["builds"]).await.succeeded().stdout
    }

    /// The image with this tag is what the app serves.
    async fn serves(&self, tag: &str) {
        let answer = reqwest::get(format!("http://{}.{}/v2/", self.app.name, self.platform.domain)).await.unwrap();
        let image = answer.headers().get("image").and_then(|image| image.to_str().ok());
        assert_eq!((answer.status().as_u16(), image), (200, Some(tag)));
    }

    /// The numbers of the users that the pods of a release run as.
    async fn users(&self, version: &str) -> Vec<Option<i64>> {
        let pods = ListParams::default().labels(&format!("heritage=deis,type=cmd,version={version}"));
        let pods = self.platform.objects::<Pod>(&self.app.name).list(&pods).await.unwrap();
        let specs = pods.into_iter().filter_map(|pod| pod.spec);
        specs.map(|spec| spec.security_context.and_then(|context| context.run_as_user)).collect()
    }
}

#[tokio::test]
async fn an_image_is_deployed_or_refused_as_it_says_of_itself() {
    let platform = Platform::connect().await;
    let registry = Registry::open(&platform).await;
    let developer = Developer::register(&platform, "puller").await;
    let puller = Puller::create(&platform, &developer).await;
    let secret = format!("{}-pull", puller.app.name);
    assert!(platform.names::<Secret>(&puller.app.name).await.contains(&secret), "it is there with the app");

    registry.push("by-tag", Image::default()).await;
    puller.pulls(&registry.name(":by-tag")).await;
    assert_eq!(puller.app.template().await["imagePullSecrets"], json!([{ "name": secret }]));
    puller.serves("by-tag").await;
    assert_eq!(puller.users("v2").await, [Some(1000)]);
    let title = format!("=== {} Processes", puller.app.name);
    drop(puller.deis(&["ps"]).await.succeeded().has_lines(&[&title, "--- cmd:"]));

    let digest = registry.push("by-digest", Image { user: "web", ..Image::default() }).await;
    puller.pulls(&registry.name(&format!("@{digest}"))).await;
    puller.serves("by-digest").await;
    assert_eq!(puller.users("v3").await, [Some(1001)], "the number that the image has for web");

    registry.push("elsewhere", Image { architecture: elsewhere(), ..Image::default() }).await;
    let name = registry.name(":elsewhere");
    let sentence = format!(
        "{name} is built for linux/{}, but the nodes here are linux/{here}. Build it for linux/{here} as well.",
        elsewhere(),
        here = here()
    );
    puller.is_refused(&name, "wrong-architecture", &sentence).await;

    for (tag, user, says) in
        [("nobody", "", "names no user"), ("zero", "0", "runs as 0"), ("root", "root", "runs as root")]
    {
        registry.push(tag, Image { user, ..Image::default() }).await;
        let name = registry.name(&format!(":{tag}"));
        let sentence = format!(
            "{name} {says}, so it would run as root. Add a line such as USER 1000 to its Dockerfile, or ask an \
             administrator to allow root for this app: deis apps:allow-root"
        );
        puller.is_refused(&name, "root-refused", &sentence).await;
    }

    let gone = registry.name(":gone");
    let sentence = format!("Cannot pull: image {gone} not found. Check its name and tag.");
    puller.is_refused(&gone, "not-found", &sentence).await;

    registry.push("silent", Image { exposes: false, ..Image::default() }).await;
    let silent = registry.name(":silent");
    let sentence = "Expose a port or make the app non routable by changing the process type";
    puller.is_refused(&silent, "failed-precondition", sentence).await;
    puller.serves("by-digest").await;
    drop(puller.deis(&["config:set", &format!("PORT={PORT}")]).await.succeeded());
    puller.pulls(&silent).await;
    puller.serves("silent").await;

    // An administrator allows root, and takes it back when nothing needs it any more.
    let administrator = Developer::administrator(&platform).await;
    let of_app = format!("--app={}", puller.app.name);
    drop(puller.deis(&["apps:allow-root"]).await.failed(1).has_lines(&["Code: permission-denied"]));
    drop(administrator.deis(&["apps:allow-root", &of_app]).await.succeeded());
    puller.pulls(&registry.name(":root")).await;
    puller.serves("root").await;
    assert_eq!(puller.users("v6").await, [Some(0)]);
    drop(administrator.deis(&["apps:forbid-root", &of_app]).await.failed(1).has_lines(&["Code: failed-precondition"]));
    puller.pulls(&registry.name(":by-tag")).await;
    drop(administrator.deis(&["apps:forbid-root", &of_app]).await.succeeded());
    drop(puller.deis(&["rollback", "v6"]).await.failed(1).has_lines(&["Code: root-refused"]));
    puller.serves("by-tag").await;
}

#[tokio::test]
async fn a_registry_that_asks_is_shown_the_apps_credentials() {
    let platform = Platform::connect().await;
    let registry = Registry::closed(&platform).await;
    let developer = Developer::register(&platform, "puller").await;
    let puller = Puller::create(&platform, &developer).await;
    let login = async |password: &str| {
        let (username, password) = (format!("username={USERNAME}"), format!("password={password}"));
        puller.deis(&["registry:set", &username, &password]).await
    };
    let digest = registry.push("private", Image::default()).await;
    let name = registry.name(":private");

    let denied = format!("Permission Denied attempting to pull image {name}");
    puller.is_refused(&name, "permission-denied", &denied).await;
    let no_port = "Error: PORT needs to be set in the config when using a private registry";
    drop(login(PASSWORD).await.failed(1).has_lines(&[no_port, "Code: failed-precondition"]));
    drop(puller.deis(&["config:set", &format!("PORT={PORT}")]).await.succeeded());
    drop(login("wrong").await.succeeded());
    puller.is_refused(&name, "permission-denied", &denied).await;
    drop(login(PASSWORD).await.succeeded());
    puller.pulls(&name).await;
    puller.serves("private").await;

    puller.pulls(&registry.name(&format!("@{digest}"))).await;
    puller.serves("private").await;
}
