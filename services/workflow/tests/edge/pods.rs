//! What reads see of the cluster in memory.

use std::collections::BTreeSet;

use deis_api::AppName;
use deis_kube::objects::Routing;
use deis_workflow::deploy::world::{Served, World};
use deis_workflow::deploy::{Cluster as _, PodList, PodView};
use jiff::Timestamp;

use super::cluster::TestCluster;

impl PodList for TestCluster {
    fn pods(&self, app: &AppName) -> Vec<PodView> {
        let world = self.observe(app, &Served::default(), &BTreeSet::new());
        let pods = world.controllers.iter().flat_map(|controller| {
            controller.pods.iter().map(|pod| PodView {
                name: pod.name.clone(),
                uid: pod.uid.clone(),
                state: if pod.ready { "up" } else { "starting" }.to_owned(),
                release: controller.version.to_string(),
                proc_type: controller.proc_type.clone(),
                started: Timestamp::UNIX_EPOCH,
                overdue_at: None,
            })
        });
        pods.collect()
    }

    fn world(&self, app: &AppName, served: &Served, reachable: &BTreeSet<String>) -> World {
        let mut world = self.observe(app, served, reachable);
        for controller in world.controllers.iter_mut().filter(|controller| served.contains(&controller.proc_type)) {
            controller.pods.iter_mut().for_each(|pod| pod.reachable = reachable.contains(&pod.uid));
        }
        world
    }

    fn is_served(&self, app: &AppName, routing: &Routing) -> bool {
        self.routing(app.as_str()).as_ref() == Some(routing)
    }
}
