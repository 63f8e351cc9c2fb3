//! The controller behind the API server's service proxy: how kubeseal and bulla reach it without a port of their own.

use std::time::Duration;

use http::{HeaderMap, HeaderValue, Request, Response, StatusCode, header};
use http_body_util::{BodyExt as _, Limited};
use kube::Client;
use serde_json::Value;

use crate::cluster::{self, Choice};
use crate::report::{Code, Report, Result, chain};

/// The largest answer that is read: a SealedSecret is smaller.
const MAX_ANSWER: usize = 16 << 20;
/// A Service is small.
const MAX_SERVICE: u64 = 256 << 10;
/// Answers that take longer are given up.
const TIMEOUT: Duration = Duration::from_secs(60);
/// How often a server that asks for patience gets it: client-go's number.
const MAX_RETRIES: u32 = 10;
/// The longest patience that is obeyed.
const MAX_PAUSE: Duration = Duration::from_secs(60);

/// The header that carries the token of whoever asks; the name is in the table of docs/design.md.
const TOKEN_HEADER: &str = "x-bulla-token";

/// A Service of the controller in a cluster.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    /// Which cluster.
    pub(crate) choice: Choice,
    /// The controller's namespace.
    pub(crate) namespace: String,
    /// The name of its Service.
    pub(crate) name: String,
}

impl Place {
    /// `/api/v1/namespaces/NAMESPACE/services/REST`
    pub(crate) fn path(&self, rest: &str) -> String {
        format!("/api/v1/namespaces/{}/services/{rest}", segment(&self.namespace))
    }

    /// Asks for the Service, and returns the path under which its first port is proxied: what kubeseal does.
    pub(crate) async fn find(&self, client: &Client) -> Result<String> {
        let Self { namespace, name, .. } = self;
        let service = cluster::get(client, &self.path(&segment(name)), "application/json", MAX_SERVICE).await;
        let service = service.map_err(|error| match &error {
            kube::Error::Api(status) if status.code == 404 => {
                Report::new(Code::ControllerNotFound, format!("there is no Service {name} in namespace {namespace}"))
                    .hint(
                        "find it: kubectl get services -A | grep sealed-secrets\n\
                     then: bulla cert fetch --controller-namespace NAMESPACE --controller-name NAME",
                    )
            }
            _ => cluster::refused(&format!("read the Service {namespace}/{name}"), &error),
        })?;
        let service: Value = serde_json::from_slice(&service).unwrap_or_default();
        let port = service["spec"]["ports"][0]["name"].as_str().unwrap_or_default();
        Ok(self.path(&format!("http:{}:{}/proxy", segment(name), segment(port))))
    }
}

/// What a name of a Service may hold; everything else would change the path.
pub(crate) fn segment(text: &str) -> String {
    text.chars().filter(|letter| letter.is_ascii_alphanumeric() || "-._".contains(*letter)).collect()
}

/// An answer of the controller, or of the API server before it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    /// What the server says of a failure. The controller says nothing; the API server sends a `Status`.
    pub(crate) fn words(&self) -> String {
        let status: Value = serde_json::from_slice(&self.body).unwrap_or_default();
        match status["message"].as_str().and_then(|message| message.lines().next()) {
            Some(message) if status["kind"] == "Status" => message.to_owned(),
            _ => format!("the server answered {}", self.status),
        }
    }
}

/// A found controller.
pub(crate) struct Controller {
    client: Client,
    path: String,
}

impl Controller {
    /// Looks the Service up.
    pub(crate) async fn find(place: &Place) -> Result<Self> {
        let mut config = cluster::config(&place.choice).await?;
        // How long to wait is the server's to say, and is obeyed below.
        config.default_retry = false;
        let client = cluster::client(config)?;
        let path = place.find(&client).await?;
        Ok(Self { client, path })
    }

    /// POSTs JSON to an endpoint that wants to know who asks. `token` goes into a header of its own, since the API server's
    /// proxy removes `Authorization`.
    pub(crate) async fn post_as(
        &self,
        endpoint: &str,
        body: &[u8],
        token: &str,
    ) -> std::result::Result<Answer, String> {
        let mut token = HeaderValue::from_str(token).map_err(|_| "the token is no header".to_owned())?;
        token.set_sensitive(true);
        self.post_with(endpoint, body, Some(&token)).await
    }

    /// POSTs JSON to an endpoint. A server that is busy and says when to come back is asked again, as client-go does it.
    pub(crate) async fn post(&self, endpoint: &str, body: &[u8]) -> std::result::Result<Answer, String> {
        self.post_with(endpoint, body, None).await
    }

    async fn post_with(
        &self,
        endpoint: &str,
        body: &[u8],
        token: Option<&HeaderValue>,
    ) -> std::result::Result<Answer, String> {
        let request = || {
            let request = Request::post(format!("{}{endpoint}", self.path))
                .header(header::CONTENT_TYPE, "application/json")
                .header(header::ACCEPT, "application/json, */*");
            let request = match token {
                Some(token) => request.header(TOKEN_HEADER, token),
                None => request,
            };
            request.body(body.to_vec())
        };
        let answer = exchange(&self.client, &request, TIMEOUT).await.map_err(|error| match error {
            Unanswered::InTime => "the server did not answer in time".to_owned(),
            Unanswered::Failed(error) => chain(&*error),
        })?;
        Ok(Answer { status: answer.status(), body: answer.into_body() })
    }
}

/// Why there is no answer.
#[derive(Debug)]
pub(crate) enum Unanswered {
    /// It did not come in time.
    InTime,
    /// No connection, or one that broke.
    Failed(Box<dyn std::error::Error + Send + Sync>),
}

/// Sends a request, and again as long as the server asks for patience. Each time gets `timeout`.
pub(crate) async fn exchange(
    client: &Client,
    request: &dyn Fn() -> http::Result<Request<Vec<u8>>>,
    timeout: Duration,
) -> std::result::Result<Response<Vec<u8>>, Unanswered> {
    let mut retries = 0;
    loop {
        let once = async {
            let failed = |error: kube::Error| Unanswered::Failed(Box::new(error));
            let request = request().map_err(|error| failed(kube::Error::HttpError(error)))?;
            let (parts, body) = client.send(request.map(Into::into)).await.map_err(failed)?.into_parts();
            let body = Limited::new(body, MAX_ANSWER).collect().await.map_err(Unanswered::Failed)?;
            Ok(Response::from_parts(parts, body.to_bytes().to_vec()))
        };
        let answer = tokio::time::timeout(timeout, once).await.map_err(|_| Unanswered::InTime)??;
        match patience(answer.status(), answer.headers()) {
            Some(pause) if retries < MAX_RETRIES => {
                retries += 1;
                tokio::time::sleep(pause).await;
            }
            _ => return Ok(answer),
        }
    }
}

/// How long the server asks to wait. Without the header it does not want to be asked again.
fn patience(status: StatusCode, headers: &HeaderMap) -> Option<Duration> {
    let busy = status == StatusCode::TOO_MANY_REQUESTS || status.is_server_error();
    let seconds = headers.get(header::RETRY_AFTER)?.to_str().ok()?.parse().ok()?;
    busy.then(|| Duration::from_secs(seconds).min(MAX_PAUSE))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_cannot_leave_its_place_in_the_path() {
        assert_eq!(segment("../../secrets?x#y"), "....secretsxy");
    }

    #[test]
    fn only_a_server_that_says_when_is_asked_again() {
        let with = |status: u16, header: &str| {
            let mut headers = HeaderMap::new();
            if !header.is_empty() {
                headers.insert(header::RETRY_AFTER, header.parse().unwrap());
            }
            patience(StatusCode::from_u16(status).unwrap(), &headers).map(|pause| pause.as_secs())
        };
        for (status, header, expected) in [
            (429, "1", Some(1)),
            (429, "0", Some(0)),
            (503, "5", Some(5)),
            (429, "86400", Some(60)),
            (429, "", None),
            (429, "tomorrow", None),
            (409, "1", None),
            (200, "1", None),
        ] {
            assert_eq!(with(status, header), expected, "{status} {header}");
        }
    }

    #[test]
    fn failures_are_put_into_words() {
        let words =
            |body: &str| Answer { status: StatusCode::INTERNAL_SERVER_ERROR, body: body.as_bytes().to_vec() }.words();
        assert_eq!(words(""), "the server answered 500 Internal Server Error");
        assert_eq!(words(r#"{"kind":"Status","message":"no endpoints\nx"}"#), "no endpoints");
        assert_eq!(words(r#"{"message":"x"}"#), "the server answered 500 Internal Server Error");
    }
}
