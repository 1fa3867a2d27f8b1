use std::net::SocketAddr;
use std::path::Path;

use futures_util::future::join_all;
use serde_json::{Value, json};

use crate::client::{User, ask, json};
use crate::cluster;
use crate::database::Database;
use crate::django::Django;
use crate::kubernetes::{ApiServer, start_etcd};
use crate::load::Asked;
use crate::pki::Pki;
use crate::process::{Process, make_room, shipped, upstream};
use crate::sandbox;
use crate::workflow::{ADMIN, Workflow, Workflows};

/// As many as `fill.sql` makes.
pub(crate) const APPS: usize = 10_000;
/// So many of them run: enough to tell what one adds.
pub(crate) const RUNNING: usize = 1_000;
/// What is measured.
pub(crate) const PAGE: &str = "/v2/apps/?limit=100";
pub(crate) const LAST_PAGE: &str = "/v2/apps/?limit=100&offset=9900";
const OTHER_PAGES: [&str; 2] = ["/v2/apps/", "/v2/apps/?limit=100&offset=9950"];
/// The addresses of the API servers.
const API_SERVERS: [&str; 2] = ["198.18.0.40", "198.18.0.41"];
/// The last byte of workflow's address.
const WORKFLOW: u8 = 10;
/// Admission asks in the apps' namespaces, which are not there.
const WITHOUT: &str = "ServiceAccount,NamespaceLifecycle,LimitRanger,ResourceQuota,PodSecurity";

/// All that runs from beginning to end.
pub(crate) struct World {
    pub(crate) database: Database,
    /// A Kubernetes in which some apps run, and one in which none does.
    pub(crate) busy: ApiServer,
    pub(crate) idle: ApiServer,
    /// On the busy one.
    pub(crate) workflow: Workflow,
    pub(crate) workflows: Workflows,
    pub(crate) django: Django,
    /// Who may use all apps: nearly all are his own.
    pub(crate) bob: User,
    /// Who may use all apps because he is an administrator.
    pub(crate) admin: User,
    /// Who has none.
    pub(crate) alice: User,
    _etcd: Process,
}

impl World {
    pub(crate) async fn make() -> Self {
        drop(rustls::crypto::aws_lc_rs::default_provider().install_default());
        let (program, upstream) = (shipped("workflow"), upstream());
        let folder = Path::new(sandbox::FOLDER);
        sandbox::furnish().await;

        let pki = Pki::make(folder.join("pki"), &API_SERVERS.map(str::to_owned), "apps.bench");
        let etcd = start_etcd(&upstream, folder);
        let database = Database::start(folder).await;
        let servers = API_SERVERS.iter().enumerate();
        let servers =
            servers.map(|(number, address)| ApiServer::start(number, address, WITHOUT, &upstream, folder, &pki));
        let servers: [ApiServer; 2] = join_all(servers).await.try_into().ok().expect("two");
        drop(join_all(servers.iter().map(ApiServer::ready)).await);
        let [busy, idle] = servers;
        cluster::fill(&busy, RUNNING).await;
        // Until now every processor has helped.
        make_room().await;

        let workflows = Workflows::new(program, folder, &pki);
        let workflow = workflows.start(WORKFLOW, &busy.kubeconfig).await;
        let admin = User::log_in(workflow.rest, ADMIN.0, ADMIN.1);
        let [bob, alice] = ["bob", "alice"].map(|name| admin.register(workflow.rest, name));
        // It has made its tables.
        database.fill(folder).await;
        let django = Django::start(folder).await;
        Self { database, busy, idle, workflow, workflows, django, bob, admin, alice, _etcd: etcd }
    }

    /// Fails unless both say the same to the same questions.
    pub(crate) fn answers_are_the_same(&self) {
        for user in [&self.bob, &self.admin] {
            for path in [PAGE, LAST_PAGE].into_iter().chain(OTHER_PAGES) {
                let request = user.get(path);
                let (mut ours, mut theirs) = (json(self.workflow.rest, &request), json(self.django.address, &request));
                let [apps, their_apps] = [&mut ours, &mut theirs].map(|page| match page["results"].take() {
                    Value::Array(apps) => apps,
                    other => panic!("{path} of {}: {other}", user.name),
                });
                let differs = apps.iter().zip(&their_apps).find(|(ours, theirs)| ours != theirs);
                assert_eq!(differs, None, "{path} of {}", user.name);
                assert_eq!((&ours, apps.len()), (&theirs, their_apps.len()), "{path} of {}", user.name);
                assert_eq!(ours["count"], APPS, "{path} of {}", user.name);
                assert!(apps.len() >= 50 && apps.iter().all(is_told_whole), "{path} of {}: {}", user.name, apps[0]);
            }
        }
    }
}

/// A page, by this user, so many times a second.
pub(crate) fn asked(path: &str, user: &User, address: SocketAddr, per_second: u32) -> Asked {
    let request = user.get(path);
    let body_bytes = ask(address, &request).len();
    Asked { request, body_bytes, per_second, connections: 16 }
}

/// Both could leave away the same.
fn is_told_whole(app: &Value) -> bool {
    app["structure"] == json!({ "web": 1, "worker": 2 })
        && app["procfile_structure"].as_object().is_some_and(|all| all.len() == 2)
}
