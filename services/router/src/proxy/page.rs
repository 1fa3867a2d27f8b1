use deis_api::Code;
use http::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, LOCATION, RETRY_AFTER};
use http::{Response, StatusCode};

use super::body::Answer;

const ERROR_CODE: HeaderName = HeaderName::from_static("deis-error-code");

/// Why the router answers by itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    /// Nothing is wrong: a health check of the router.
    Healthy,
    /// No Service names this host.
    UnknownHost(String),
    /// The client's address is not on the whitelist.
    AddressRefused,
    /// The app is in maintenance.
    Maintenance,
    /// The app wants TLS: where to.
    UseTls(String),
    /// No pod is ready.
    NoBackend,
    /// All pods have as much to do as they may.
    Busy,
    /// The pod refused or broke the connection.
    BackendFailed,
    /// The pod did not answer in time.
    BackendTimedOut,
    /// The request's body is longer than the app takes.
    TooLarge,
    /// The request's body came too slowly.
    TooSlow,
    /// The request cannot be understood, or its body did not arrive.
    Malformed(StatusCode, Code, &'static str),
}

/// What a page says: what is the case, and what to do next.
struct Text {
    title: &'static str,
    what: String,
    next: &'static str,
}

impl Refusal {
    fn code(&self) -> Option<Code> {
        match self {
            Self::Healthy | Self::UseTls(_) => None,
            Self::UnknownHost(_) => Some(Code::UnknownHost),
            Self::AddressRefused => Some(Code::AddressRefused),
            Self::Maintenance => Some(Code::Maintenance),
            Self::NoBackend => Some(Code::NoBackend),
            Self::Busy => Some(Code::BackendBusy),
            Self::BackendFailed => Some(Code::BackendFailed),
            Self::BackendTimedOut => Some(Code::BackendTimedOut),
            Self::TooLarge => Some(Code::TooLarge),
            Self::TooSlow => Some(Code::RequestTooSlow),
            Self::Malformed(_, code, _) => Some(*code),
        }
    }

    fn status(&self) -> StatusCode {
        match self {
            Self::Healthy => StatusCode::OK,
            Self::UseTls(_) => StatusCode::MOVED_PERMANENTLY,
            Self::Malformed(status, ..) => *status,
            _ => self
                .code()
                .and_then(|code| StatusCode::from_u16(code.http_status()).ok())
                .unwrap_or(StatusCode::INTERNAL_SERVER_ERROR),
        }
    }

    fn text(&self) -> Text {
        let (title, what, next) = match self {
            Self::Healthy => ("OK", "The router is healthy.", ""),
            Self::UnknownHost(host) => {
                let what = format!("No app is served at {host}.");
                return Text {
                    title: "Not Found",
                    what,
                    next: "If it should be one of yours, `deis domains:list` and `deis apps` say which names your apps have.",
                };
            }
            Self::AddressRefused => (
                "Forbidden",
                "This app is open to certain addresses only, and yours is not among them.",
                "The app's owner can add it with `deis whitelist:add`.",
            ),
            Self::Maintenance => (
                "Site Maintenance",
                "This app is being worked on and will be back soon.",
                "Please try again later. The app's owner ends it with `deis maintenance:off`.",
            ),
            Self::UseTls(_) => {
                ("Moved Permanently", "This app is served over HTTPS only.", "Follow the Location header.")
            }
            Self::NoBackend => (
                "Service Unavailable",
                "No process of this app is ready to answer.",
                "If it has just been deployed, try again in a moment. The app's owner sees with `deis ps` what runs and with `deis logs` why not.",
            ),
            Self::Busy => (
                "Service Unavailable",
                "This app has as many requests under way as it can take.",
                "Please try again in a moment. The app's owner starts more processes with `deis scale`.",
            ),
            Self::BackendFailed => (
                "Bad Gateway",
                "The app closed the connection without an answer.",
                "The app's owner sees with `deis logs` what it had to say.",
            ),
            Self::BackendTimedOut => (
                "Gateway Timeout",
                "The app did not answer in time.",
                "The app's owner sees with `deis logs` what it was busy with.",
            ),
            Self::TooLarge => (
                "Content Too Large",
                "The request's body is larger than this app takes.",
                "An operator sets the limit: annotation router.deis.io/bodySize of the app's Service.",
            ),
            Self::TooSlow => (
                "Request Timeout",
                "The request's body came too slowly: it was given up, so that others have its place.",
                "Please try again over a better connection.",
            ),
            Self::Malformed(_, _, problem) => ("Bad Request", *problem, "This is for whoever wrote the client."),
        };
        Text { title, what: what.to_owned(), next }
    }
}

/// The router's own answer, as the client likes it: HTML for browsers, JSON for those who ask for it, else plain text.
pub(super) fn page(refusal: &Refusal, accept: Option<&HeaderValue>) -> Response<Answer> {
    let text = refusal.text();
    let accept = accept.and_then(|accept| accept.to_str().ok()).unwrap_or_default();
    let (kind, body) = if accept.contains("text/html") {
        ("text/html; charset=utf-8", html(&text))
    } else if accept.contains("json") {
        ("application/json", json(&text, refusal.code()))
    } else {
        ("text/plain; charset=utf-8", format!("{}\n{}\n", text.what, text.next))
    };
    let mut response = Response::new(Answer::whole(body));
    *response.status_mut() = refusal.status();
    add_headers(response.headers_mut(), refusal, kind);
    response
}

fn add_headers(headers: &mut HeaderMap, refusal: &Refusal, kind: &'static str) {
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    // A permanent redirect neither: the app's owner may change their mind.
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    if let Some(code) = refusal.code() {
        headers.insert(ERROR_CODE, HeaderValue::from_static(code.as_str()));
        if code.retryable() {
            headers.insert(RETRY_AFTER, HeaderValue::from_static("5"));
        }
        if code == Code::MethodNotAllowed {
            headers.insert(ALLOW, HeaderValue::from_static("GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS"));
        }
    }
    if let Refusal::UseTls(location) = refusal
        && let Ok(location) = HeaderValue::try_from(location)
    {
        headers.insert(LOCATION, location);
    }
}

fn html(text: &Text) -> String {
    let Text { title, what, next } = text;
    let (what, next) = (escape(what), escape(next));
    format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>{title}</title>\n\
         <style>body{{font:1.1rem/1.6 system-ui,sans-serif;max-width:36rem;margin:20vh auto 0;padding:0 1rem;color:#222;background:#fff}}\
         h1{{font-size:1.6rem}}p+p{{color:#666}}@media(prefers-color-scheme:dark){{body{{color:#ddd;background:#181818}}p+p{{color:#999}}}}</style>\n\
         </head>\n<body>\n<h1>{title}</h1>\n<p>{what}</p>\n<p>{next}</p>\n</body>\n</html>\n"
    )
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

/// The body that the API's errors have too.
fn json(text: &Text, code: Option<Code>) -> String {
    let detail = format!("{} {}", text.what, text.next);
    format!("{}\n", serde_json::json!({ "detail": detail.trim_end(), "code": code.map(Code::as_str) }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(refusal: &Refusal, accept: &'static str) -> (Response<Answer>, String) {
        let response = page(refusal, Some(&HeaderValue::from_static(accept)));
        let body = response.body().text();
        (response, body)
    }

    #[test]
    fn the_client_chooses_the_form() {
        let (response, body) = answer(&Refusal::Maintenance, "text/html,application/xhtml+xml,*/*;q=0.8");
        assert_eq!(response.status(), 503);
        assert_eq!(response.headers()[ERROR_CODE], "maintenance");
        assert!(body.contains("<title>Site Maintenance</title>"));
        let (response, body) = answer(&Refusal::NoBackend, "application/json");
        assert_eq!(
            (response.status().as_u16(), &response.headers()[RETRY_AFTER]),
            (503, &HeaderValue::from_static("5"))
        );
        assert_eq!(serde_json::from_str::<serde_json::Value>(&body).unwrap()["code"], "no-backend");
        let (response, body) = answer(&Refusal::UnknownHost("a.b".to_owned()), "*/*");
        assert_eq!((response.status().as_u16(), body.lines().next()), (404, Some("No app is served at a.b.")));
    }

    #[test]
    fn the_host_is_text_and_no_markup() {
        let (_, body) = answer(&Refusal::UnknownHost("<script>&".to_owned()), "text/html");
        assert!(body.contains("&lt;script&gt;&amp;") && !body.contains("<script>"));
    }

    #[test]
    fn a_redirect_says_where_to() {
        let (response, _) = answer(&Refusal::UseTls("https://a.b/c?d".to_owned()), "*/*");
        assert_eq!(
            (response.status().as_u16(), &response.headers()[LOCATION]),
            (301, &HeaderValue::from_static("https://a.b/c?d"))
        );
        assert!(!response.headers().contains_key(ERROR_CODE));
    }
}
