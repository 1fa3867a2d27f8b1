use deis_cli::{Failure, OutputArgs, Ui, table};
use jiff::Timestamp;

use super::component;
use crate::cluster::ClusterArgs;
use crate::components::COMPONENTS;
use crate::report::{self, Asked, Report};

/// Say how each part of the platform does: its pods, and what they say themselves.
///
/// Works with Kubernetes alone, also when no part of the platform answers. Fails when a part is not up.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Only these components.
    #[arg(value_name = "component")]
    components: Vec<String>,

    #[command(flatten)]
    output: OutputArgs,
}

pub(crate) async fn run(args: Args, cluster: &ClusterArgs, ui: &mut Ui) -> Result<(), Failure> {
    let chosen = if args.components.is_empty() {
        COMPONENTS.iter().collect()
    } else {
        args.components.iter().map(|name| component(name)).collect::<Result<Vec<_>, _>>()?
    };
    let client = cluster.client().await?;
    let (reports, unasked) = report::make(&client, &cluster.namespace, &chosen).await?;
    if let Some(why) = unasked {
        ui.warn(format_args!("The services are not asked: {why}"))?;
    }

    let now = Timestamp::now();
    args.output.show(ui, &reports, |ui, reports| ui.line(lines(reports, now)))?;
    let down: Vec<_> = reports.iter().filter(|report| !report.up).map(|report| report.standing.component).collect();
    if down.is_empty() { Ok(()) } else { Err(Failure::new(format!("not up: {}", down.join(", ")))) }
}

/// A line for each component, and below it one for each of its pods.
fn lines(reports: &[Report], now: Timestamp) -> String {
    let rows = reports.iter().flat_map(|report| {
        let standing = &report.standing;
        // Of one that does not even serve, its pods say more.
        let (state, what) = match standing.rollout() {
            _ if report.up => ("up", standing.image().to_owned()),
            Some(rollout) if standing.serves() => ("changing", format!("{}; {rollout}", standing.image())),
            _ => ("down", standing.image().to_owned()),
        };
        let head = [standing.component, state, &standing.ready(), "", "", &what].map(str::to_owned);
        let pods = standing.pods.iter().map(|asked| row(asked, now));
        std::iter::once(head).chain(pods)
    });
    table(["COMPONENT", "STATE", "READY", "RESTARTS", "AGE", "IMAGE / WHAT THE POD SAYS"], rows)
}

fn row(Asked { pod, answer }: &Asked, now: Timestamp) -> [String; 6] {
    [
        format!("  {}", pod.name),
        pod.state.clone(),
        if pod.ready { "yes" } else { "no" }.to_owned(),
        pod.restarts.to_string(),
        pod.created.map(|created| age(created, now)).unwrap_or_default(),
        answer.as_ref().map(|answer| answer.says.clone()).unwrap_or_default(),
    ]
}

/// `3d`, `5h`, `12m` or `40s`: the largest unit is enough.
fn age(created: Timestamp, now: Timestamp) -> String {
    let seconds = now.duration_since(created).as_secs().max(0);
    match seconds {
        0..60 => format!("{seconds}s"),
        60..3600 => format!("{}m", seconds / 60),
        3600..86400 => format!("{}h", seconds / 3600),
        _ => format!("{}d", seconds / 86400),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::components::Workload;
    use crate::inventory::{Counts, PodStanding, Standing};
    use crate::probe::Answer;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn report(ready: i32, answer: Option<Answer>) -> Report {
        let pod = PodStanding {
            name: "deis-router-6d4b-x2x1z".to_owned(),
            state: "up".to_owned(),
            ready: true,
            restarts: 1,
            node: None,
            created: Some(at("2026-11-23T12:00:00Z")),
        };
        let image = "deis.local/deis/router:0.1.0".to_owned();
        let counts = Counts { wanted: 1, ready, image, rollout: None };
        let pods = vec![Asked { pod, answer }];
        Report::new(Standing { component: "router", kind: Workload::Deployment, workload: Some(counts), pods })
    }

    #[test]
    fn a_component_is_up_when_kubernetes_and_its_pods_say_so() {
        let answer = |well| Some(Answer { well, says: "2 hosts".to_owned() });
        assert!(report(1, answer(true)).up);
        assert!(report(1, None).up);
        assert!(!report(1, answer(false)).up);
        assert!(!report(0, answer(true)).up);
    }

    /// What served before does so: that is no reason to call it up.
    #[test]
    fn a_component_whose_change_is_stuck_is_not_up() {
        let mut standing = report(1, None).standing;
        standing.workload.as_mut().unwrap().rollout = Some("stuck: has timed out".to_owned());
        let report = Report::new(standing);
        assert!(!report.up);
        let shown = lines(&[report], at("2026-11-23T12:05:00Z"));
        assert!(shown.contains("changing"), "{shown}");
        assert!(shown.contains("deis.local/deis/router:0.1.0; stuck: has timed out"), "{shown}");
    }

    #[test]
    fn a_table_has_a_line_for_each_pod() {
        let answer = Answer { well: true, says: "2 hosts".to_owned() };
        insta::assert_snapshot!(lines(&[report(1, Some(answer))], at("2026-11-23T12:05:00Z")));
    }

    #[test]
    fn ages_have_one_unit() {
        let now = at("2026-11-23T12:00:00Z");
        let ages = ["2026-11-23T11:59:20Z", "2026-11-23T11:48:00Z", "2026-11-23T07:00:00Z", "2026-11-20T11:00:00Z"];
        assert_eq!(ages.map(|created| age(at(created), now)), ["40s", "12m", "5h", "3d"]);
        assert_eq!(age(at("2026-11-23T12:00:05Z"), now), "0s");
    }

    #[test]
    fn a_document_has_each_answer_beside_its_pod() {
        let answer = Answer { well: true, says: "2 hosts".to_owned() };
        insta::assert_json_snapshot!(report(1, Some(answer)));
    }
}
