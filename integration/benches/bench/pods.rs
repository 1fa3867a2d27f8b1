use k8s_openapi::api::core::v1::Pod;
use kube::ResourceExt as _;
use kube::api::Api;

use crate::support::{eventually, is_ready};

/// Some pods of a namespace that are replaced together.
pub(crate) struct Fleet {
    pub(crate) api: Api<Pod>,
    pub(crate) selector: &'static str,
    /// The label that tells the pods of one roll from those of the next.
    pub(crate) generation: &'static str,
}

impl Fleet {
    /// Waits until there are `count` pods, all ready, none on its way out; returns their generation.
    pub(crate) async fn settled(&self, count: usize) -> String {
        let pods = eventually("the pods have settled", &self.api, self.selector, |pods| {
            pods.len() == count && pods.iter().all(|pod| is_ready(pod) && serves(pod))
        })
        .await;
        self.generation_of(pods.first().expect("there is a pod"))
    }

    /// Waits until `count` pods are ready and none of the generation `old` serves any more. A pod on its way out takes no new
    /// requests, and how long it takes to go is for the app to say.
    pub(crate) async fn replaced(&self, old: &str, count: usize) {
        let new = |pod: &Pod| is_ready(pod) && self.generation_of(pod) != old;
        drop(
            eventually("every pod is new", &self.api, self.selector, |pods| {
                let serving = pods.iter().filter(|pod| serves(pod)).collect::<Vec<_>>();
                serving.len() == count && serving.into_iter().all(new)
            })
            .await,
        );
    }

    fn generation_of(&self, pod: &Pod) -> String {
        pod.labels().get(self.generation).expect("pods have a generation").clone()
    }
}

fn serves(pod: &Pod) -> bool {
    pod.metadata.deletion_timestamp.is_none()
}
