use std::io;

use clap::Args;
use deis_api::rest::{Explanation, Problem};
use deis_cli::{Failure, OutputArgs, Ui, row};

use super::apps::logs::line::harmless;
use crate::app::AppArgs;
use crate::context::Context;

/// Of `code:`, below a problem's number.
const LABEL_WIDTH: u16 = 9;
const INDENT: &str = "   ";

/// Say how an app is, why, and what to do about it
#[derive(Debug, Args)]
pub struct Explain {
    #[command(flatten)]
    output: OutputArgs,
    #[command(flatten)]
    app: AppArgs,
}

impl Explain {
    pub async fn run(self, context: &mut Context) -> Result<(), Failure> {
        let session = context.app(&self.app)?;
        let explanation = session.get::<Explanation>(&["explain", ""]).await?;
        self.output.show(&mut context.ui, &explanation, show)
    }
}

fn show(ui: &mut Ui, explanation: &Explanation) -> io::Result<()> {
    ui.line(harmless(&explanation.headline))?;
    for (index, problem) in explanation.problems.iter().enumerate() {
        ui.line("")?;
        ui.line(format_args!("{}. {}", index + 1, harmless(&problem.message)))?;
        for (label, text) in facts(problem) {
            ui.line(row([(&format!("{INDENT}{label}"), LABEL_WIDTH)], &text))?;
        }
    }
    Ok(())
}

/// What is known of a problem, by name.
fn facts(problem: &Problem) -> Vec<(&'static str, String)> {
    let mut facts = vec![("code:", problem.code.clone())];
    if let Some(pod) = &problem.pod {
        facts.push(("pod:", pod_of(problem, pod)));
    }
    facts.extend(problem.probe.iter().map(|probe| ("probe:", probe.clone())));
    facts.extend(problem.since.iter().map(|since| ("since:", since.to_string())));
    if !problem.log_tail.is_empty() {
        let lines = problem.log_tail.iter().map(|line| harmless(line)).collect::<Vec<_>>();
        facts.push(("lines:", lines.join("\n")));
    }
    facts.push(("next:", harmless(&problem.next)));
    facts
}

/// `shop-v4-web-x (v4, started again 3 times) and 1 other`.
fn pod_of(problem: &Problem, pod: &str) -> String {
    let mut about = problem.release.iter().cloned().collect::<Vec<_>>();
    match problem.restarts {
        0 => {}
        1 => about.push("started again once".to_owned()),
        restarts => about.push(format!("started again {restarts} times")),
    }
    let about = if about.is_empty() { String::new() } else { format!(" ({})", about.join(", ")) };
    let others = match problem.other_pods {
        0 => String::new(),
        1 => " and 1 other".to_owned(),
        others => format!(" and {others} others"),
    };
    format!("{pod}{about}{others}")
}
