//! TokenReview: who is the bearer of this token, and is it meant for one of these audiences?

use serde_json::{Value, json};

use super::{Known, Review};
use crate::access::{API_AUDIENCE, bearer};
use crate::object::Object;
use crate::status::{Answer, Failure};

/// The specification as it is shown again, and the status.
pub(super) fn answer(review: &Review, spec: &Object, known: &Known<'_>) -> Answer<(Value, Value)> {
    let token = review.text(spec, "token")?;
    let asked = review.texts(spec, "audiences")?;
    if token.is_empty() {
        return Err(Failure::bad_request("token is required for TokenReview in authentication"));
    }
    let mut shown = json!({ "token": token });
    if !asked.is_empty() {
        shown["audiences"] = json!(asked);
    }
    Ok((shown, status(token, &asked, known)))
}

fn status(token: &str, asked: &[String], known: &Known<'_>) -> Value {
    let Some(account) = bearer(known.accounts, token.as_bytes()) else {
        return json!({ "user": {}, "error": "invalid bearer token" });
    };
    let asked: Vec<&str> =
        if asked.is_empty() { vec![API_AUDIENCE] } else { asked.iter().map(String::as_str).collect() };
    let given = account.audiences();
    let common: Vec<&str> = asked.iter().copied().filter(|audience| given.contains(audience)).collect();
    if common.is_empty() {
        let error = format!(
            "[invalid bearer token, token audiences {} is invalid for the target audiences {}]",
            go_list(&given),
            go_list(&asked)
        );
        return json!({ "user": {}, "error": error });
    }
    let mut user = json!({ "username": account.username });
    if !account.uid.is_empty() {
        user["uid"] = json!(account.uid);
    }
    if !account.groups.is_empty() {
        user["groups"] = json!(account.groups);
    }
    json!({ "authenticated": true, "user": user, "audiences": common })
}

/// As Go prints a list of texts with `%q`.
fn go_list(texts: &[&str]) -> String {
    let quoted: Vec<String> = texts.iter().map(|text| format!("{text:?}")).collect();
    format!("[{}]", quoted.join(" "))
}
