//! Why no node takes a pod, out of the scheduler's words.

use std::fmt;

/// Why no node takes a pod.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NoNode {
    /// How many nodes there are; `None` when the scheduler's words are of another form.
    pub nodes: Option<u32>,
    /// What they lack, with how many of them do.
    pub lacks: Vec<(u32, Lack)>,
}

/// What a node lacks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Lack {
    /// So much of a resource: `memory`, `cpu`, `ephemeral-storage`.
    Free(String),
    /// Room for one pod more.
    Pods,
    /// The labels that the app's tags ask for.
    Labels,
    /// It is kept free of pods by this taint, where its name is told.
    Untainted(Option<String>),
    /// An administrator lets it take no new pods.
    Cordoned,
    /// Something else, in the scheduler's words.
    Other(String),
}

impl NoNode {
    /// Reads what the scheduler writes: `0/3 nodes are available: 1 Insufficient cpu, 2 node(s) had untolerated taint {gpu: }.
    /// preemption: …`.
    #[must_use]
    pub fn parse(words: &str) -> Self {
        let words = words.split_whitespace().collect::<Vec<_>>().join(" ");
        // What follows tells whom it could drive away, which is its own business.
        let (words, _) = words.split_once(". ").unwrap_or((&words, ""));
        let words = words.trim_end_matches('.');
        let read = || {
            let (head, reasons) = words.split_once(" nodes are available: ")?;
            let nodes = head.strip_prefix("0/")?.parse().ok()?;
            let lacks = reasons.split(", ").map(lack).collect::<Option<Vec<_>>>()?;
            Some(Self { nodes: Some(nodes), lacks })
        };
        let untold = || Self { nodes: None, lacks: vec![(0, Lack::Other(words.to_owned()))] };
        read().unwrap_or_else(untold)
    }

    /// Whether some node lacks this.
    #[must_use]
    pub fn lacks(&self, is_it: impl Fn(&Lack) -> bool) -> bool {
        self.lacks.iter().any(|(_, lack)| is_it(lack))
    }
}

/// `2 Insufficient memory`.
fn lack(reason: &str) -> Option<(u32, Lack)> {
    let (count, reason) = reason.trim().split_once(' ')?;
    let count = count.parse().ok()?;
    let lack = match reason {
        "Too many pods" => Lack::Pods,
        "node(s) were unschedulable" => Lack::Cordoned,
        _ if reason.contains("node affinity/selector") => Lack::Labels,
        _ if reason.contains("untolerated taint") => Lack::Untainted(taint(reason)),
        _ => match reason.strip_prefix("Insufficient ") {
            Some(resource) => Lack::Free(resource.to_owned()),
            None => Lack::Other(reason.trim_start_matches("node(s) ").to_owned()),
        },
    };
    Some((count, lack))
}

/// `node(s) had untolerated taint {dedicated: gpu}`; newer schedulers leave its name out.
fn taint(reason: &str) -> Option<String> {
    let (_, name) = reason.split_once('{')?;
    let (name, _) = name.split_once('}')?;
    Some(name.trim().trim_end_matches(':').replace(": ", "="))
}

impl fmt::Display for NoNode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, (count, lack)) in self.lacks.iter().enumerate() {
            f.write_str(if index == 0 { "" } else { ", " })?;
            let Some(nodes) = self.nodes else {
                write!(f, "{}", lack.told(true))?;
                continue;
            };
            match nodes {
                1 => write!(f, "the only node {}", lack.told(true))?,
                _ => write!(f, "{count} of {nodes} nodes {}", lack.told(*count == 1))?,
            }
        }
        Ok(())
    }
}

impl Lack {
    /// As the end of a sentence about one node, or more.
    fn told(&self, is_one: bool) -> String {
        let (has, is, lacks) = if is_one { ("has", "is", "lacks") } else { ("have", "are", "lack") };
        match self {
            Self::Free(resource) => format!("{has} too little free {}", plain(resource)),
            Self::Pods => format!("{has} as many pods as can be"),
            Self::Labels => format!("{lacks} the labels that the app's tags ask for"),
            Self::Untainted(Some(taint)) => format!("{is} kept for others by the taint {taint}"),
            Self::Untainted(None) => format!("{is} kept for others by a taint"),
            Self::Cordoned => format!("{is} closed for new pods (kubectl cordon)"),
            Self::Other(words) => words.clone(),
        }
    }
}

/// As people call it.
fn plain(resource: &str) -> &str {
    match resource {
        "cpu" => "CPU",
        "ephemeral-storage" => "disk",
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_schedulers_words_are_told_in_ours() {
        let words = [
            "0/1 nodes are available: 1 Insufficient memory. preemption: 0/1 nodes are available: 1 No preemption victims \
             found for incoming pod.",
            "0/3 nodes are available: 1 Insufficient cpu, 2 Insufficient memory. no new claims to deallocate, preemption: \
             0/3 nodes are available: 3 No preemption victims found for incoming pod.",
            "0/3 nodes are available: 3 node(s) didn't match Pod's node affinity/selector. preemption: 0/3 nodes are \
             available: 3 Preemption is not helpful for scheduling.",
            "0/2 nodes are available: 1 Too many pods, 1 node(s) had untolerated taint {node.kubernetes.io/unreachable: }.",
            "0/2 nodes are available: 1 node(s) had untolerated taint(s), 1 node(s) had untolerated taint {dedicated: gpu}.",
            "0/1 nodes are available: 1 node(s) were unschedulable.",
            "no nodes available to schedule pods",
        ];
        let told = words.map(|words| NoNode::parse(words).to_string());
        insta::assert_yaml_snapshot!(told);
    }

    #[test]
    fn what_is_lacking_can_be_asked() {
        let no_node = NoNode::parse("0/2 nodes are available: 1 Too many pods, 1 Insufficient cpu.");
        assert_eq!(no_node.nodes, Some(2));
        assert!(no_node.lacks(|lack| *lack == Lack::Pods) && no_node.lacks(|lack| matches!(lack, Lack::Free(_))));
        assert!(!no_node.lacks(|lack| *lack == Lack::Labels));
    }
}
