use std::time::{Duration, Instant};

/// How long the way to an answer may take to change: kube-proxy gathers changes for a second.
const LIMIT: Duration = Duration::from_secs(60);

/// Status and `Deis-Error-Code` of a GET, a redirect's too; a connection that is refused or breaks has neither.
pub(crate) async fn ask(url: &str) -> (Option<u16>, Option<String>) {
    let client = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build().unwrap();
    let Ok(answer) = client.get(url).send().await else { return (None, None) };
    let code = answer.headers().get("deis-error-code").and_then(|code| code.to_str().ok()).map(ToOwned::to_owned);
    (Some(answer.status().as_u16()), code)
}

/// Asks until ten answers in a row, each over a connection of its own and so from either router, are as wanted: the answer is the
/// event to wait for. Says after how long the first of them was asked for.
pub(crate) async fn until_answers(url: &str, status: u16) -> Duration {
    let start = Instant::now();
    let (mut in_a_row, mut first) = (0, Duration::ZERO);
    while in_a_row < 10 {
        let asked = start.elapsed();
        let (now, code) = ask(url).await;
        if now == Some(status) {
            first = if in_a_row == 0 { asked } else { first };
            in_a_row += 1;
        } else {
            in_a_row = 0;
        }
        assert!(start.elapsed() < LIMIT, "{url} answers {now:?} ({code:?}), not {status}");
    }
    first
}
