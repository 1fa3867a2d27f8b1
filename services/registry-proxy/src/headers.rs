//! Which headers pass.

use http::header::{
    ACCEPT, CONNECTION, HeaderMap, HeaderName, HeaderValue, IF_MATCH, IF_MODIFIED_SINCE, IF_NONE_MATCH, IF_RANGE,
    IF_UNMODIFIED_SINCE, LOCATION, PROXY_AUTHENTICATE, RANGE, TE, TRAILER, TRANSFER_ENCODING, UPGRADE, USER_AGENT,
    WWW_AUTHENTICATE,
};
use http::{Uri, uri};

/// What the registry hears from a client: which form it accepts and which part it wants. Nothing else of a request passes.
const OF_REQUESTS: [HeaderName; 8] =
    [ACCEPT, RANGE, IF_RANGE, IF_MATCH, IF_NONE_MATCH, IF_MODIFIED_SINCE, IF_UNMODIFIED_SINCE, USER_AGENT];

/// What an answer says about one connection only (RFC 9110, 7.6.1), or about the proxy's own credentials.
const NOT_OF_ANSWERS: [HeaderName; 8] = [
    CONNECTION,
    HeaderName::from_static("keep-alive"),
    PROXY_AUTHENTICATE,
    TE,
    TRAILER,
    TRANSFER_ENCODING,
    UPGRADE,
    WWW_AUTHENTICATE,
];

/// The headers for the registry.
#[must_use]
pub fn of_request(headers: &HeaderMap) -> HeaderMap {
    let passing =
        OF_REQUESTS.iter().flat_map(|name| headers.get_all(name).iter().map(|value| (name.clone(), value.clone())));
    // From pairs, a map keeps every value of a name.
    passing.fold(HeaderMap::new(), |mut map, (name, value)| {
        map.append(name, value);
        map
    })
}

/// Makes the registry's headers ours. A redirect within the registry stays within the door; one to another store passes as it is.
pub fn of_answer(headers: &mut HeaderMap, registry: &Uri) {
    let named: Vec<HeaderName> = headers
        .get_all(CONNECTION)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|names| names.split(','))
        .filter_map(|name| name.trim().parse().ok())
        .collect();
    for name in NOT_OF_ANSWERS.iter().chain(&named) {
        headers.remove(name);
    }
    if let Some(path) = headers.get(LOCATION).and_then(|location| within(location, registry)) {
        headers.insert(LOCATION, path);
    }
}

fn within(location: &HeaderValue, registry: &Uri) -> Option<HeaderValue> {
    let location: Uri = location.to_str().ok()?.parse().ok()?;
    let is_registry = location.authority().is_some() && location.authority() == registry.authority();
    let path = location.path_and_query().map_or("/", uri::PathAndQuery::as_str);
    if is_registry { HeaderValue::from_str(path).ok() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        let mut map = HeaderMap::new();
        for (name, value) in pairs {
            map.append(*name, HeaderValue::from_static(value));
        }
        map
    }

    #[test]
    fn a_request_s_form_and_part_pass_and_nothing_else() {
        let asked = map(&[
            ("accept", "application/vnd.oci.image.manifest.v1+json"),
            ("accept", "*/*"),
            ("range", "bytes=0-9"),
            ("authorization", "Basic x"),
            ("cookie", "x"),
            ("connection", "upgrade"),
            ("x-forwarded-for", "10.0.0.1"),
        ]);
        let expected =
            map(&[("accept", "application/vnd.oci.image.manifest.v1+json"), ("accept", "*/*"), ("range", "bytes=0-9")]);
        assert_eq!(of_request(&asked), expected);
    }

    #[test]
    fn what_is_about_the_connection_stays_behind() {
        let mut answer = map(&[
            ("content-length", "10"),
            ("docker-content-digest", "sha256:0"),
            ("connection", "close, X-Hop"),
            ("x-hop", "1"),
            ("keep-alive", "timeout=5"),
            ("transfer-encoding", "chunked"),
            ("www-authenticate", "Basic realm=\"the registry's own\""),
        ]);
        of_answer(&mut answer, &Uri::from_static("http://deis-registry:5000"));
        assert_eq!(answer, map(&[("content-length", "10"), ("docker-content-digest", "sha256:0")]));
    }

    #[test]
    fn redirects_within_the_registry_stay_within_the_door() {
        for (from, to) in [
            ("http://deis-registry:5000/v2/app/blobs/x?a=b", "/v2/app/blobs/x?a=b"),
            ("http://deis-registry:5000", "/"),
            ("/v2/app/blobs/x", "/v2/app/blobs/x"),
            ("https://bucket.s3.example.com/x?signature=y", "https://bucket.s3.example.com/x?signature=y"),
        ] {
            let mut answer = map(&[("location", from)]);
            of_answer(&mut answer, &Uri::from_static("http://deis-registry:5000"));
            assert_eq!(answer, map(&[("location", to)]));
        }
    }
}
