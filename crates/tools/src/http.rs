//! Tools that are one request over HTTP. Where it leads stands in the configuration: arguments change neither scheme,
//! nor host, nor port, and redirects lead nowhere else.
use std::{collections::BTreeMap, sync::Arc, time::Duration};

use futures_util::StreamExt;
use reqwest::{
    Client, Response, Url,
    header::{HeaderMap, HeaderName, HeaderValue},
    redirect,
};
use serde_json::{Map, Value, json};
use voce_core::ToolDefinition;

use crate::{
    config::{HttpTool, Method},
    names, policy,
    template::{Template, check_value, filled_value, percent_encoded, with_variables},
};

/// A longer answer is no answer to read out.
const ANSWER_BYTES: usize = 1 << 20;
/// Of an answer that reports a failure.
const FAILURE_CHARACTERS: usize = 300;
const REDIRECTS: usize = 3;
/// The pipeline ends a call at its time; this is for a request that nobody waits for.
const GRACE: Duration = Duration::from_secs(1);

/// A request that is ready to be filled in.
pub struct Request {
    /// The tool as the model sees it.
    pub definition: ToolDefinition,
    method: reqwest::Method,
    /// The configured address; its path is in `path`.
    address: Url,
    path: Template,
    query: Vec<(String, Template)>,
    body: Option<Value>,
    result: String,
    client: Client,
}

impl Request {
    /// Checks a tool of the configuration. The error names the key.
    pub fn new(tool: &HttpTool, variable: impl Fn(&str) -> Option<String>) -> Result<Self, String> {
        if !names::is_valid(&tool.name) {
            let longest = names::LONGEST;
            return Err(format!("name: {:?}; expected 1 to {longest} letters, digits, _ and -", tool.name));
        }
        if tool.description.trim().is_empty() {
            return Err("description is missing: the model chooses tools by it".into());
        }
        let parameters = match tool.parameters.is_empty() {
            true => json!({"type": "object", "properties": {}}),
            false => Value::Object(tool.parameters.clone()),
        };
        if parameters.get("type").and_then(Value::as_str) != Some("object") {
            return Err("parameters: expected a JSON schema with type = \"object\"".into());
        }
        let known = |template: &Template| known_only(template, &parameters);
        let (address, path) = address(&tool.url)?;
        known(&path).map_err(|error| format!("url: {error}"))?;
        let mut query = vec![];
        for (name, text) in &tool.query {
            let template = Template::parse(text).and_then(|template| known(&template).map(|()| template));
            query.push((name.clone(), template.map_err(|error| format!("query.{name}: {error}"))?));
        }
        if let Some(body) = &tool.body {
            check_value(body, &known).map_err(|error| format!("body: {error}"))?;
        }
        if let Some(confirm) = &tool.policy.confirm {
            let template = Template::parse(confirm).and_then(|template| known(&template));
            template.map_err(|error| format!("policy.confirm: {error}"))?;
        }
        if !tool.result.is_empty() && !tool.result.starts_with('/') {
            return Err(format!("result: {:?} is no JSON pointer; expected e.g. /current", tool.result));
        }
        let policy = policy::of(&[&tool.policy], tool.method != Method::Get);
        // reqwest panics without a provider. Whoever installed one before us chose well.
        drop(rustls::crypto::ring::default_provider().install_default());
        let client = Client::builder()
            .default_headers(headers(&tool.headers, variable)?)
            .timeout(policy.timeout + GRACE)
            .redirect(within(&address))
            .user_agent(concat!("voce/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(|error| error.to_string())?;
        Ok(Self {
            definition: ToolDefinition {
                name: tool.name.clone(),
                description: tool.description.trim().to_owned(),
                parameters,
                policy,
            },
            method: match tool.method {
                Method::Get => reqwest::Method::GET,
                Method::Post => reqwest::Method::POST,
                Method::Put => reqwest::Method::PUT,
                Method::Patch => reqwest::Method::PATCH,
                Method::Delete => reqwest::Method::DELETE,
            },
            address,
            path,
            query,
            body: tool.body.clone(),
            result: tool.result.clone(),
            client,
        })
    }

    /// Where it leads, for people.
    pub fn place(&self) -> String {
        format!("{} {}", self.method, self.address.origin().ascii_serialization())
    }

    /// Sends it. The error is for the model.
    pub async fn send(self: Arc<Self>, arguments: Map<String, Value>) -> Result<String, String> {
        let mut request = self.client.request(self.method.clone(), self.url(&arguments)?);
        if let Some(body) = self.body.as_ref().and_then(|body| filled_value(body, &arguments)) {
            request = match body {
                Value::String(text) => request.body(text),
                body => request.json(&body),
            };
        }
        let host = self.address.host_str().unwrap_or_default();
        let response = request.send().await.map_err(|error| trouble(host, error))?;
        let status = response.status();
        let text = text_of(host, response).await?;
        if !status.is_success() {
            let said: String = text.trim().chars().take(FAILURE_CHARACTERS).collect();
            return Err(format!("{host} answered {status}: {said}"));
        }
        if self.result.is_empty() {
            return Ok(text);
        }
        let answer: Value = serde_json::from_str(&text)
            .map_err(|error| format!("{host} answered what is no JSON: {error}"))?;
        match answer.pointer(&self.result) {
            Some(Value::String(text)) => Ok(text.clone()),
            Some(value) => Ok(value.to_string()),
            None => {
                Err(format!("the answer of {host} has nothing at {}; it may have found nothing", self.result))
            }
        }
    }

    fn url(&self, arguments: &Map<String, Value>) -> Result<Url, String> {
        let missing = || {
            let names: Vec<&str> = self.path.arguments().collect();
            format!("{} must be given", names.join(", "))
        };
        let path = self.path.filled(arguments, percent_encoded).ok_or_else(missing)?;
        // A URL resolves these away, which would change more than the argument's own place.
        if path.split(['/', '\\']).any(|segment| matches!(segment, "." | "..")) {
            return Err("an argument must not be . or ..".into());
        }
        let mut url = self.address.clone();
        url.set_path(&path);
        let mut fields: Vec<(String, String)> =
            self.address.query_pairs().map(|(name, value)| (name.into(), value.into())).collect();
        fields.extend(
            self.query.iter().filter_map(|(name, template)| {
                Some((name.clone(), template.filled(arguments, str::to_owned)?))
            }),
        );
        url.set_query(None);
        if !fields.is_empty() {
            url.query_pairs_mut().extend_pairs(fields);
        }
        if url.origin() != self.address.origin() {
            return Err("the arguments lead to another server".into());
        }
        Ok(url)
    }
}

/// The address without its path, and the path as a template.
fn address(text: &str) -> Result<(Url, Template), String> {
    let expected = "expected e.g. https://api.example.com/v1/{city}, with arguments in the path alone";
    let wrong = |why: &str| format!("url: {text:?}: {why}; {expected}");
    let (scheme, rest) = text.split_once("://").ok_or_else(|| wrong("it has no scheme"))?;
    if scheme != "http" && scheme != "https" {
        return Err(wrong("it is neither http nor https"));
    }
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (authority, rest) = rest.split_at(end);
    let (path, query) = rest.split_once('?').unwrap_or((rest, ""));
    if authority.contains(['{', '}', '@']) || query.contains(['{', '}']) || rest.contains('#') {
        return Err(wrong("an argument, a name or a # stands where none may"));
    }
    let query = if query.is_empty() { String::new() } else { format!("?{query}") };
    let address =
        Url::parse(&format!("{scheme}://{authority}/{query}")).map_err(|error| wrong(&error.to_string()))?;
    let path = Template::parse(path).map_err(|error| wrong(&error))?;
    Ok((address, path))
}

fn known_only(template: &Template, parameters: &Value) -> Result<(), String> {
    let known = parameters.get("properties").and_then(Value::as_object);
    let unknown = template.arguments().find(|name| !known.is_some_and(|known| known.contains_key(*name)));
    unknown.map_or(Ok(()), |name| Err(format!("{{{name}}} is not in parameters.properties")))
}

/// Headers with what the environment holds in them, marked so that nothing prints them.
pub fn headers(
    headers: &BTreeMap<String, String>,
    variable: impl Fn(&str) -> Option<String>,
) -> Result<HeaderMap, String> {
    let mut map = HeaderMap::new();
    for (name, value) in headers {
        let key = HeaderName::try_from(name.as_str())
            .map_err(|_| format!("headers: {name:?} is no name of a header"))?;
        let value = with_variables(value, &variable).map_err(|error| format!("headers.{name}: {error}"))?;
        let mut value = HeaderValue::try_from(value)
            .map_err(|_| format!("headers.{name}: the value has letters that a header cannot have"))?;
        value.set_sensitive(true);
        map.insert(key, value);
    }
    Ok(map)
}

/// Follows redirects within the server that was configured.
pub fn within(address: &Url) -> redirect::Policy {
    let origin = address.origin();
    redirect::Policy::custom(move |attempt| {
        if attempt.url().origin() != origin {
            return attempt.error("it redirects to another server, which is not followed");
        }
        if attempt.previous().len() > REDIRECTS {
            return attempt.error("it redirects too often");
        }
        attempt.follow()
    })
}

async fn text_of(host: &str, response: Response) -> Result<String, String> {
    let mut body = response.bytes_stream();
    let mut bytes = vec![];
    while let Some(part) = body.next().await {
        let part = part.map_err(|error| trouble(host, error))?;
        if bytes.len() + part.len() > ANSWER_BYTES {
            return Err(format!("the answer of {host} is longer than {ANSWER_BYTES} bytes"));
        }
        bytes.extend_from_slice(&part);
    }
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// What went wrong, without the address: it holds the arguments.
fn trouble(host: &str, error: reqwest::Error) -> String {
    if error.is_timeout() {
        return format!("{host} took too long");
    }
    let error = error.without_url();
    let mut text = error.to_string();
    let mut source = std::error::Error::source(&error);
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    format!("{host} cannot be asked: {text}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tool(url: &str) -> HttpTool {
        let parameters = json!({"type": "object", "properties": {"city": {"type": "string"}, "days": {}}});
        HttpTool {
            name: "weather".into(),
            description: "Weather.".into(),
            parameters: parameters.as_object().cloned().expect("an object"),
            url: url.into(),
            ..HttpTool::default()
        }
    }

    fn refused(tool: &HttpTool) -> String {
        Request::new(tool, |_| None).err().expect("it is refused")
    }

    #[test]
    fn arguments_cannot_lead_anywhere_else() {
        let mut tool = tool("https://api.example.com:8443/v1/{city}/now?key=1");
        tool.query = BTreeMap::from([("d".into(), "{days}".into()), ("c".into(), "in {city}".into())]);
        let request = Request::new(&tool, |_| None).expect("a tool");
        let url = |city: &str| {
            let arguments = json!({"city": city}).as_object().cloned().expect("an object");
            request.url(&arguments).map(String::from)
        };
        assert_eq!(
            url("São/Paulo?x=1&y#z").as_deref(),
            Ok(
                "https://api.example.com:8443/v1/S%C3%A3o%2FPaulo%3Fx%3D1%26y%23z/now?key=1&c=in+S%C3%A3o%2FPaulo%3Fx%3D1%26y%23z"
            )
        );
        assert!(url("..").is_err_and(|error| error.contains("..")));
        for city in
            ["@evil.example", "//evil.example/", "\\\\evil.example", "%2e%2e", "\r\nHost: evil", ":80"]
        {
            let url = Url::parse(&url(city).expect("it is encoded")).expect("a URL");
            assert_eq!(url.origin(), request.address.origin(), "{city}");
            assert_eq!(url.path_segments().expect("a path").count(), 3, "{city}: {url}");
        }
        assert!(request.url(&Map::new()).is_err_and(|error| error.contains("city must be given")));
    }

    #[test]
    fn what_is_wrong_with_a_tool_is_named() {
        let good = tool("https://x.example/{city}");
        assert!(Request::new(&good, |_| None).is_ok());
        for (change, expected) in [
            (HttpTool { name: "a b".into(), ..good.clone() }, "name"),
            (HttpTool { description: " ".into(), ..good.clone() }, "description"),
            (HttpTool { url: "ftp://x".into(), ..good.clone() }, "neither http nor https"),
            (HttpTool { url: "https://{city}.example/".into(), ..good.clone() }, "where none may"),
            (HttpTool { url: "https://x.example/?c={city}".into(), ..good.clone() }, "where none may"),
            (HttpTool { url: "https://x.example/{town}".into(), ..good.clone() }, "{town}"),
            (HttpTool { body: Some(json!({"a": ["{town}"]})), ..good.clone() }, "body: {town}"),
            (HttpTool { result: "current".into(), ..good.clone() }, "JSON pointer"),
            (
                HttpTool { headers: BTreeMap::from([("x-key".into(), "$KEY".into())]), ..good.clone() },
                "KEY is not set",
            ),
        ] {
            let error = refused(&change);
            assert!(error.contains(expected), "{expected}: {error}");
        }
    }
}
