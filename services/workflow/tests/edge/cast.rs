//! Who and what a request is about. Each has its own, so that none sees what another did.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use deis_proto::workflow::CreateBuildRequest;
use deis_workflow::accounts::FreshToken;
use deis_workflow::ledger::{Accounts as _, NewUser};
use rcgen::{CertificateParams, KeyPair};
use reqwest::{Method, StatusCode};
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::json;

use super::builder_hooks::{self, KEY};
use super::push::{build, events, image};
use super::sandbox::{Answer, Sandbox};

/// Whoever has an account.
const USERS: [&str; 5] = ["user", "collaborator", "revoked", "owner", "admin"];

pub(super) struct Cast {
    /// Placeholder to what it stands for.
    words: BTreeMap<String, String>,
    tokens: BTreeMap<&'static str, String>,
}

impl Cast {
    /// For a request of `path` with `body`, which still have their placeholders.
    pub(super) async fn assemble(
        sandbox: &Sandbox,
        password: &SecretString,
        number: usize,
        path: &str,
        body: &str,
    ) -> Self {
        let mut cast = Self { words: BTreeMap::new(), tokens: BTreeMap::new() };
        for kind in USERS {
            let name = format!("{kind}{number}");
            cast.tokens.insert(kind, user(sandbox, &name, password.clone(), kind == "admin").await);
            cast.set(kind, name);
        }
        let known_key = public_key(2 * number);
        cast.set("known_key", known_key.clone());
        cast.set("key", public_key(2 * number + 1));
        for (word, meaning) in [("app", format!("app{number}")), ("bare", format!("bare{number}"))] {
            cast.set(word, meaning);
        }
        cast.set("id", format!("user{number}@laptop"));
        cast.set("username", format!("collaborator{number}"));
        cast.set("domain", format!("app{number}.example.com"));
        for (word, meaning) in [
            ("type", "web"),
            ("version", "v2"),
            ("other", "v1"),
            ("fingerprint", "00:11"),
            ("uuid", "1"),
            ("name", "x"),
        ] {
            cast.set(word, meaning.to_owned());
        }
        if path.contains("/key") {
            let key = json!({ "id": cast.word("id"), "public": known_key });
            let added = cast.post(sandbox, "user", "/v2/keys/", key).await;
            cast.set("fingerprint", added.body["fingerprint"].as_str().unwrap().to_owned());
        }
        if path.contains("/hooks/keys/{app}/{user}") {
            let key =
                json!({ "id": format!("collaborator{number}@laptop"), "public": public_key(usize::MAX - number) });
            cast.post(sandbox, "collaborator", "/v2/keys/", key).await;
        }
        // Accounts are the same with apps and without.
        if path.contains("/certs") {
            cast.certify(sandbox, path).await;
        } else if ["/apps", "{app}", "/cancel"].iter().any(|part| path.contains(part)) || body.contains("{app}") {
            cast.furnish(sandbox, path).await;
        }
        cast
    }

    /// A certificate of the user, who may change the app, and a domain of the app that has it.
    async fn certify(&mut self, sandbox: &Sandbox, path: &str) {
        let [key, other] = [(); 2].map(|()| KeyPair::generate().unwrap());
        let chain = CertificateParams::new(["www.example.com".to_owned()]).unwrap().self_signed(&key).unwrap().pem();
        for (word, text) in [("pem", &chain), ("pem_key", &key.serialize_pem()), ("other_key", &other.serialize_pem())]
        {
            // As within a JSON string.
            self.set(word, json!(text).to_string().trim_matches('"').to_owned());
        }
        if path.trim_end_matches('/') == "/v2/certs" {
            return;
        }
        self.furnish(sandbox, "/domains").await;
        let (app, user) = (self.word("app").to_owned(), self.word("user").to_owned());
        let (name, attached) = (format!("cert-{app}"), format!("tls.{app}.example.com"));
        self.post(sandbox, "owner", &format!("/v2/apps/{app}/perms/"), json!({ "username": user })).await;
        self.post(sandbox, "user", &format!("/v2/apps/{app}/domains/"), json!({ "domain": attached })).await;
        let certificate = json!({ "name": name, "certificate": chain, "key": key.serialize_pem() });
        self.post(sandbox, "user", "/v2/certs/", certificate).await;
        self.post(sandbox, "user", &format!("/v2/certs/{name}/domain/"), json!({ "domain": attached })).await;
        self.set("name", name);
        self.set("attached", attached);
    }

    /// An app that serves and is shared, and one without a build.
    async fn furnish(&mut self, sandbox: &Sandbox, path: &str) {
        let (app, bare) = (self.word("app").to_owned(), self.word("bare").to_owned());
        for id in [&app, &bare] {
            self.post(sandbox, "owner", "/v2/apps/", json!({ "id": id })).await;
            for username in [self.word("collaborator"), self.word("revoked")] {
                self.post(sandbox, "owner", &format!("/v2/apps/{id}/perms/"), json!({ "username": username })).await;
            }
            let revoked = format!("/v2/apps/{id}/perms/{}", self.word("revoked"));
            let answer = sandbox.call(Method::DELETE, &revoked, Some(&self.tokens["owner"]), None).await;
            assert_eq!(answer.status, StatusCode::NO_CONTENT, "{answer:?}");
        }
        let build = CreateBuildRequest { username: self.word("owner").to_owned(), ..build(&app, &image(&app, "1")) };
        assert_eq!(events(sandbox, build).await, ["v2 created", "v2 deployed"]);
        if path.contains("/domains") {
            let domain = json!({ "domain": self.word("domain") });
            self.post(sandbox, "owner", &format!("/v2/apps/{app}/domains/"), domain).await;
        }
        let token = &self.tokens["owner"];
        let builds = sandbox.get(&format!("/v2/apps/{app}/builds/"), token).await.body;
        let pods = sandbox.get(&format!("/v2/apps/{app}/pods/"), token).await.body;
        self.set("uuid", builds["results"][0]["uuid"].as_str().unwrap().to_owned());
        self.set("name", pods["results"][0]["name"].as_str().unwrap().to_owned());
    }

    async fn post(&self, sandbox: &Sandbox, who: &str, path: &str, body: serde_json::Value) -> Answer {
        let answer = sandbox.post(path, &self.tokens[who], body).await;
        assert_eq!(answer.status, StatusCode::CREATED, "{answer:?}");
        answer
    }

    fn set(&mut self, word: &str, meaning: String) {
        self.words.insert(word.to_owned(), meaning);
    }

    pub(super) fn word(&self, word: &str) -> &str {
        &self.words[word]
    }

    /// A text with what its placeholders stand for.
    pub(super) fn fill(&self, text: &str) -> String {
        let words = self.words.iter();
        words.fold(text.to_owned(), |text, (word, meaning)| text.replace(&format!("{{{word}}}"), meaning))
    }

    /// A request of somebody, with any body.
    pub(super) async fn ask(&self, sandbox: &Sandbox, who: &str, method: Method, path: &str, body: Vec<u8>) -> Answer {
        match who {
            "builder" => builder_hooks::ask(sandbox, method, path, Some(KEY), body).await,
            _ => sandbox.bytes(method, path, self.authorization(who).as_deref(), body).await,
        }
    }

    /// The header by which a user is known.
    pub(super) fn authorization(&self, who: &str) -> Option<String> {
        match who {
            "nobody" => None,
            "unknown token" => Some(format!("token {}", "0".repeat(40))),
            user => Some(format!("token {}", self.tokens[user])),
        }
    }
}

/// A user as after registration and login, at the price of no hash: his token.
async fn user(sandbox: &Sandbox, name: &str, password: SecretString, superuser: bool) -> String {
    let username = name.parse().unwrap();
    let user = NewUser {
        username,
        email: format!("{name}@example.com"),
        first_name: String::new(),
        last_name: String::new(),
        password,
    };
    let user = sandbox.ledger.register(user, Box::new(move |_| Ok(superuser))).await.unwrap();
    let token = FreshToken::generate();
    sandbox.ledger.add_token(&user.username, token.hash).await.unwrap();
    token.text.expose_secret().to_owned()
}

/// A line that no other row has.
fn public_key(number: usize) -> String {
    let text = |text: &[u8]| [&u32::try_from(text.len()).unwrap().to_be_bytes(), text].concat();
    let mut point = [7; 32];
    point[..8].copy_from_slice(&u64::try_from(number).unwrap().to_be_bytes());
    let blob = [text(b"ssh-ed25519"), text(&point)].concat();
    format!("ssh-ed25519 {} somebody@somewhere", STANDARD.encode(blob))
}
