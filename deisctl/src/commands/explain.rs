use std::io;

use deis_cli::{Failure, OutputArgs, Ui, row};
use serde::Serialize;

use crate::cluster::ClusterArgs;
use crate::explanation::{Answer, ExplainError, Explanation, Route, Said, all, differences};
use crate::words::count;

/// Of `requests:`, below a router's sentence.
const LABEL_WIDTH: u16 = 12;
const INDENT: &str = "   ";

/// Say why a host is served as it is, as every router tells it.
///
/// Each router is asked what would become of the next request, and answers from the table by which it serves: under which name it has
/// the host, which Service and pods that leads to, and how much they have to do. It changes nothing. Fails when a router does not answer.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// As a client names it: www.example.com.
    #[arg(value_name = "host")]
    host: String,

    #[command(flatten)]
    output: OutputArgs,
}

#[derive(Serialize)]
struct Document {
    host: String,
    /// In what the routers differ.
    differences: Vec<&'static str>,
    routers: Vec<Said>,
}

pub(crate) async fn run(args: Args, cluster: &ClusterArgs, ui: &mut Ui) -> Result<(), Failure> {
    let client = cluster.client().await?;
    let routers = all(&client, &cluster.namespace, &args.host).await.map_err(failure)?;
    let document = Document { host: args.host, differences: differences(&routers), routers };
    args.output.show(ui, &document, show)?;
    let silent = document.routers.iter().filter(|said| matches!(said.answer, Answer::Silence(_))).count();
    if silent == 0 {
        return Ok(());
    }
    let message = format!("{silent} of {} did not answer", routers_of(document.routers.len()));
    Err(Failure::new(message).hint("`deisctl status router` shows how they do."))
}

fn failure(error: ExplainError) -> Failure {
    match error {
        ExplainError::NoPod => Failure::from(error).hint("`deisctl status router` shows how they do."),
        error => error.into(),
    }
}

fn routers_of(number: usize) -> String {
    count(i64::try_from(number).unwrap_or(i64::MAX), "router")
}

fn show(ui: &mut Ui, document: &Document) -> io::Result<()> {
    if !document.differences.is_empty() {
        ui.line(format_args!(
            "The routers differ ({}): what becomes of a request depends on which of them it meets. Ask again in a moment; if \
             they still differ then, see `deisctl journal router`.\n",
            document.differences.join(", ")
        ))?;
    }
    for (index, said) in document.routers.iter().enumerate() {
        if index > 0 {
            ui.line("")?;
        }
        match &said.answer {
            Answer::Silence(why) => ui.line(format_args!("{}: It does not answer: {why}", said.router))?,
            Answer::Explanation(explanation) => {
                ui.line(format_args!("{}: {}", said.router, explanation.sentence))?;
                for (label, text) in facts(explanation) {
                    ui.line(row([(&format!("{INDENT}{label}"), LABEL_WIDTH)], &text))?;
                }
            }
        }
    }
    Ok(())
}

/// What is known of a host, by name.
fn facts(explanation: &Explanation) -> Vec<(&'static str, String)> {
    let code = explanation.code.iter().map(|code| ("code:", code.clone()));
    let next = explanation.next.iter().map(|next| ("next:", next.clone()));
    let route = explanation.route.iter().flat_map(of_route);
    code.chain(next).chain(route).collect()
}

fn of_route(route: &Route) -> Vec<(&'static str, String)> {
    let mut facts = vec![("rule:", route.rule.clone()), ("service:", route.service.clone())];
    let rules = [
        (route.maintenance, "maintenance"),
        (route.tls_enforced, "plain requests are sent to https"),
        (route.by_service_address, "requests go to the Service's own address"),
    ];
    let rules = rules.into_iter().filter(|(holds, _)| *holds).map(|(_, rule)| rule).collect::<Vec<_>>();
    if !rules.is_empty() {
        facts.push(("rules:", rules.join("\n")));
    }
    if let Some(allowed) = &route.allowed {
        facts.push(("allowed:", if allowed.is_empty() { "nobody".to_owned() } else { allowed.join("\n") }));
    }
    let pods = route.pods.iter().map(|pod| {
        let most = route.most_connections.map(|most| format!(" of {most}")).unwrap_or_default();
        format!("{}, {}, {}{most} under way", pod.address, pod.standing, pod.connections)
    });
    let pods = pods.collect::<Vec<_>>();
    facts.push(("pods:", if pods.is_empty() { "none".to_owned() } else { pods.join("\n") }));
    let requests = format!("{} of {} under way, {} waiting", route.requests, route.most_requests, route.waiting);
    facts.push(("requests:", requests));
    facts
}
