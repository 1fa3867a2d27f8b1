//! Why Kubernetes refuses to make a pod, out of its admission's words.

/// Why Kubernetes refuses to make a pod.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// A quota of the namespace is used up.
    Quota {
        /// The quota's name.
        name: String,
        /// What the pod asks for of what is used up: `limits.memory=512Mi`.
        requested: String,
        /// How much of it is used.
        used: String,
        /// How much of it there is.
        limited: String,
    },
    /// A quota wants to know what the pod says nothing of.
    QuotaUnsaid {
        /// The quota's name.
        name: String,
        /// `limits.cpu,requests.cpu`.
        resources: String,
    },
    /// A limit range of the namespace does not allow the pod's shape; its words.
    LimitRange(String),
    /// The namespace's security profile does not allow the pod; its words.
    Security(String),
    /// Something that can pass by itself: in a new namespace the service account comes a moment later.
    Passing(String),
    /// Something else.
    Other(String),
}

impl Refusal {
    /// Reads what stands in a controller's condition: `pods "shop-v2-web-" is forbidden: exceeded quota: …`.
    #[must_use]
    pub fn parse(words: &str) -> Self {
        let words = words.split_whitespace().collect::<Vec<_>>().join(" ");
        let words = words.trim_end_matches('.');
        let (_, reason) = words.split_once(" is forbidden: ").unwrap_or(("", words));
        if let Some(quota) = quota(reason) {
            return quota;
        }
        let of_range = [" usage per Container is ", " usage per Pod is ", " limit to request ratio per "];
        if of_range.iter().any(|part| reason.contains(part)) {
            return Self::LimitRange(reason.trim_matches(['[', ']']).to_owned());
        }
        if let Some(words) = reason.strip_prefix("violates PodSecurity ") {
            return Self::Security(words.to_owned());
        }
        if reason.contains("error looking up service account") || reason.contains("is being terminated") {
            return Self::Passing(reason.to_owned());
        }
        Self::Other(reason.to_owned())
    }
}

/// `exceeded quota: compute, requested: pods=1, used: pods=4, limited: pods=4`.
fn quota(reason: &str) -> Option<Refusal> {
    let lower = |text: &str| text.to_ascii_lowercase();
    let (head, rest) = reason.split_once(": ")?;
    match lower(head).as_str() {
        "exceeded quota" => {
            let (name, rest) = rest.split_once(", requested: ")?;
            let (requested, rest) = rest.split_once(", used: ")?;
            let (used, limited) = rest.split_once(", limited: ")?;
            let [name, requested, used, limited] = [name, requested, used, limited].map(str::to_owned);
            Some(Refusal::Quota { name, requested, used, limited })
        }
        "failed quota" => {
            let (name, resources) = rest.split_once(": must specify ")?;
            // Newer ones add for which container.
            let (resources, _) = resources.split_once(" for: ").unwrap_or((resources, ""));
            Some(Refusal::QuotaUnsaid { name: name.to_owned(), resources: resources.to_owned() })
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn admissions_words_are_taken_apart() {
        let words = [
            "pods \"shop-v2-web-\" is forbidden: exceeded quota: compute, requested: limits.memory=512Mi,pods=1, used: \
             limits.memory=1Gi,pods=4, limited: limits.memory=1Gi,pods=4",
            "pods \"shop-v2-web-\" is forbidden: failed quota: compute: must specify requests.cpu for: web",
            "pods \"shop-v2-web-\" is forbidden: maximum memory usage per Container is 256Mi, but limit is 512Mi",
            "pods \"shop-v2-web-\" is forbidden: [minimum memory usage per Container is 64Mi, but request is 32Mi, cpu max \
             limit to request ratio per Container is 2, but provided ratio is 50.000000]",
            "pods \"shop-v2-web-\" is forbidden: violates PodSecurity \"restricted:latest\": runAsNonRoot != true (pod must \
             not set securityContext.runAsNonRoot=false)",
            "pods \"shop-v2-web-\" is forbidden: error looking up service account shop/default: serviceaccount \"default\" \
             not found",
            "admission webhook \"policy.example.com\" denied the request: no owner.",
        ];
        insta::assert_debug_snapshot!(words.map(Refusal::parse));
    }
}
