//! The API server as client-go talks to it, and what client-go says when it does not work: scripts match these messages, and
//! people search for them.

use std::time::Duration;

use http::{Method, Request, Response, Uri, header};
use kube::Client;
use serde_json::Value;

use super::flags::Flags;
use super::transport;
use super::{Failure, place};
use crate::cluster;
use crate::kubeconfig::{self, Plugins, Trouble};
use crate::service_proxy::{Place, Unanswered, exchange, segment};

/// client-go waits for ever; this does not.
const TIMEOUT: Duration = Duration::from_secs(60);

/// The controller's Service behind an API server.
pub(super) struct Api {
    connection: Connection,
    place: Place,
    /// The name of the Service's first port.
    port: String,
}

struct Connection {
    client: Client,
    server: Uri,
    proxy: Option<Uri>,
    timeout: Option<Duration>,
}

/// A request that failed.
pub(super) struct Refused {
    /// The answer's status; nothing if there was no answer.
    pub(super) status: Option<u16>,
    /// client-go's words.
    pub(super) words: String,
}

impl Api {
    /// Connects, and looks the Service up.
    pub(super) async fn find(flags: &Flags) -> Result<Self, Failure> {
        let place = place::of(flags);
        let path = place.path(&segment(&place.name));
        let cannot = |words: &str| {
            format!(
                "cannot get sealed secret service: {words}.\nPlease, use the flag --controller-name and \
                 --controller-namespace to set up the name and namespace of the sealed secrets controller"
            )
        };
        cluster::prepare_tls();
        let settings = match kubeconfig::settings(&place.choice, Plugins::Once) {
            Ok(settings) => settings,
            // The first request is what credentials are for.
            Err(Trouble::Credentials { server, message }) => {
                return Err(cannot(&format!("Get \"{}{path}\": {message}", server.trim_end_matches('/'))));
            }
            Err(trouble) => return Err(trouble.message().to_owned()),
        };
        let mut config = settings.config;
        config.connect_timeout = Some(Duration::from_secs(30));
        // How long to wait is the server's to say, and is obeyed.
        config.default_retry = false;
        let (server, proxy) = (config.cluster_url.clone(), config.proxy_url.clone());
        let client = Client::try_from(config).map_err(|error| transport::not_built(&error))?;
        let connection = Connection { client, server, proxy, timeout: settings.timeout };
        let answer = connection.send(Method::GET, &path, &place.name, "application/json", Vec::new()).await;
        let answer = answer.map_err(|refused| cannot(&refused.words))?;
        let service: Value = serde_json::from_slice(&answer).map_err(|_| {
            cannot(&format!("couldn't get version/kind; json parse error: {}", transport::bad_json(&answer)))
        })?;
        let Some(port) = service["spec"]["ports"].get(0) else {
            return Err(cannot("the service has no port"));
        };
        let port = port["name"].as_str().unwrap_or_default().to_owned();
        Ok(Self { connection, place, port })
    }

    /// The certificate.
    pub(super) async fn certificate(&self) -> Result<Vec<u8>, Refused> {
        self.ask(Method::GET, "/v1/cert.pem", "application/x-pem-file, */*", Vec::new()).await
    }

    /// POSTs a document to an endpoint of the controller.
    pub(super) async fn post(&self, endpoint: &str, document: &Value) -> Result<Vec<u8>, Refused> {
        self.ask(Method::POST, endpoint, "application/json, */*", document.to_string().into_bytes()).await
    }

    async fn ask(&self, method: Method, endpoint: &str, accept: &str, body: Vec<u8>) -> Result<Vec<u8>, Refused> {
        let name = format!("http:{}:{}", segment(&self.place.name), segment(&self.port));
        let path = self.place.path(&format!("{name}/proxy{endpoint}"));
        self.connection.send(method, &path, &name, accept, body).await
    }
}

impl Connection {
    async fn send(
        &self,
        method: Method,
        path: &str,
        name: &str,
        accept: &str,
        body: Vec<u8>,
    ) -> Result<Vec<u8>, Refused> {
        let path = match self.timeout {
            // So that the server does not work longer than somebody waits.
            Some(timeout) => format!("{path}?timeout={}", go_duration(timeout)),
            None => path.to_owned(),
        };
        let request = || {
            let mut request = Request::builder().method(&method).uri(path.as_str()).header(header::ACCEPT, accept);
            if method == Method::POST {
                request = request.header(header::CONTENT_TYPE, "application/json");
            }
            request.body(body.clone())
        };
        let answer = exchange(&self.client, &request, self.timeout.unwrap_or(TIMEOUT)).await;
        let answer = answer.map_err(|error| {
            let verb = if method == Method::POST { "Post" } else { "Get" };
            let url = format!("{}{path}", self.server.to_string().trim_end_matches('/'));
            let cause = match &error {
                Unanswered::InTime => {
                    "context deadline exceeded (Client.Timeout exceeded while awaiting headers)".to_owned()
                }
                Unanswered::Failed(error) => transport::words(&**error, &self.server, self.proxy.as_ref()),
            };
            Refused { status: None, words: format!("{verb} {url:?}: {cause}") }
        })?;
        if answer.status().is_success() {
            return Ok(answer.into_body());
        }
        Err(Refused { status: Some(answer.status().as_u16()), words: refusal(&method, name, &answer) })
    }
}

/// What an answer that is no success says: the server's own words if it is a Kubernetes `Status`, else client-go's.
fn refusal(method: &Method, name: &str, answer: &Response<Vec<u8>>) -> String {
    let media = answer.headers().get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let media = media.map(|media| media.split(';').next().unwrap_or_default().trim().to_ascii_lowercase());
    let body = answer.body();
    if media.as_deref().is_none_or(|media| media == "application/json") {
        let status: Value = serde_json::from_slice(body).unwrap_or_default();
        if status["kind"] == "Status" && status["status"] == "Failure" {
            return status["message"].as_str().unwrap_or_default().to_owned();
        }
    }
    let is_text = media.as_deref().is_none_or(|media| media.starts_with("text/"));
    let said = String::from_utf8_lossy(&body[..body.len().min(MAX_QUOTED)]);
    let said = if is_text { said.trim() } else { "unknown" };
    let message = match answer.status().as_u16() {
        409 => "the server reported a conflict".to_owned(),
        404 => "the server could not find the requested resource".to_owned(),
        400 => "the server rejected our request for an unknown reason".to_owned(),
        401 => "the server has asked for the client to provide credentials".to_owned(),
        403 | 415 => said.to_owned(),
        406 if said.is_empty() || said == "unknown" => {
            "the server was unable to respond with a content type that the client supports".to_owned()
        }
        406 => said.to_owned(),
        405 => "the server does not allow this method on the requested resource".to_owned(),
        422 => "the server rejected our request due to an error in our request".to_owned(),
        503 => "the server is currently unable to handle the request".to_owned(),
        504 => {
            "the server was unable to return a response in the time allotted, but may still be processing the request"
                .to_owned()
        }
        429 => "the server has received too many requests and has asked us to try again later".to_owned(),
        code if code >= 500 => {
            format!("an error on the server ({}) has prevented the request from succeeding", transport::quoted(said))
        }
        code => format!("the server responded with the status code {code} but did not return more information"),
    };
    format!("{message} ({} services {name})", method.as_str().to_lowercase())
}

/// A duration as Go prints it: `300ms`, `1m30s`.
fn go_duration(time: Duration) -> String {
    let (seconds, nanos) = (time.as_secs(), time.subsec_nanos());
    if seconds == 0 {
        let (value, unit) = match nanos {
            0..1_000 => (f64::from(nanos), "ns"),
            1_000..1_000_000 => (f64::from(nanos) / 1e3, "\u{b5}s"),
            _ => (f64::from(nanos) / 1e6, "ms"),
        };
        return format!("{value}{unit}");
    }
    let rest = format!("{}s", f64::from(u32::try_from(seconds % 60).unwrap_or_default()) + f64::from(nanos) / 1e9);
    match (seconds / 3600, seconds / 60 % 60) {
        (0, 0) => rest,
        (0, minutes) => format!("{minutes}m{rest}"),
        (hours, minutes) => format!("{hours}h{minutes}m{rest}"),
    }
}

/// More of an answer is not repeated.
const MAX_QUOTED: usize = 2048;

#[cfg(test)]
mod tests {
    use super::*;

    fn said(status: u16, media: &str, body: &str) -> String {
        let mut answer = Response::builder().status(status);
        if !media.is_empty() {
            answer = answer.header("content-type", media);
        }
        refusal(&Method::GET, "x", &answer.body(body.as_bytes().to_vec()).unwrap())
    }

    #[test]
    fn durations_are_written_as_go_writes_them() {
        for (millis, expected) in
            [(300, "300ms"), (1500, "1.5s"), (5000, "5s"), (90_000, "1m30s"), (3_600_000, "1h0m0s")]
        {
            assert_eq!(go_duration(Duration::from_millis(millis)), expected);
        }
    }

    #[test]
    fn a_status_speaks_for_itself() {
        let status = r#"{"kind":"Status","status":"Failure","message":"services \"x\" not found"}"#;
        assert_eq!(said(404, "application/json", status), "services \"x\" not found");
        assert_eq!(said(404, "application/json; charset=utf-8", status), "services \"x\" not found");
        assert_eq!(said(404, "", status), "services \"x\" not found");
        let other = "the server could not find the requested resource (get services x)";
        assert_eq!(said(404, "text/plain", status), other);
        assert_eq!(said(404, "", r#"{"kind":"Status","message":"x"}"#), other);
    }

    #[test]
    fn other_answers_get_the_words_of_client_go() {
        for (status, media, body, expected) in [
            (409, "", "", "the server reported a conflict (get services x)"),
            (400, "", "", "the server rejected our request for an unknown reason (get services x)"),
            (401, "", "", "the server has asked for the client to provide credentials (get services x)"),
            (403, "text/plain", " no \n", "no (get services x)"),
            (403, "application/json", "{}", "unknown (get services x)"),
            (
                500,
                "",
                "a \"b\"\n",
                "an error on the server (\"a \\\"b\\\"\") has prevented the request from succeeding (get services x)",
            ),
            (
                502,
                "text/html",
                "",
                "an error on the server (\"\") has prevented the request from succeeding (get services x)",
            ),
            (503, "", "x", "the server is currently unable to handle the request (get services x)"),
            (
                429,
                "",
                "",
                "the server has received too many requests and has asked us to try again later (get services x)",
            ),
            (
                418,
                "",
                "",
                "the server responded with the status code 418 but did not return more information (get services x)",
            ),
            (
                406,
                "text/plain",
                "",
                "the server was unable to respond with a content type that the client supports (get services x)",
            ),
        ] {
            assert_eq!(said(status, media, body), expected, "{status}");
        }
    }
}
