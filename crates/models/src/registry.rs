//! Where a package's archive is, asked of the registry: the Python index in its JSON form (PEP 691), or HTML
//! where a mirror has only that (PEP 503); npm by its package document.
use reqwest::{Response, Url, header::ACCEPT};
use serde::Deserialize;

use crate::{
    places::Places,
    source::Archive,
    trouble::{Kind, Trouble},
    web::{Web, address, shown},
};

const JSON: &str = "application/vnd.pypi.simple.v1+json, text/html;q=0.1";

/// The longest answer of an index, bytes. The largest projects list some thousand files in a few megabytes.
const LONGEST_ANSWER: usize = 64 << 20;

#[derive(Deserialize)]
struct Project {
    files: Vec<Listed>,
}

#[derive(Deserialize)]
struct Listed {
    filename: String,
    url: String,
}

#[derive(Deserialize)]
struct Package {
    dist: Distribution,
}

#[derive(Deserialize)]
struct Distribution {
    tarball: String,
}

/// The address of an archive's bytes.
pub(crate) async fn locate(web: &Web, places: &Places, archive: &Archive) -> Result<Url, Trouble> {
    match archive {
        Archive::Wheel { project, file, .. } => wheel(web, &places.python_index, project, file).await,
        Archive::Npm { package, version } => npm(web, &places.npm_registry, package, version).await,
    }
}

async fn wheel(web: &Web, index: &str, project: &str, file: &str) -> Result<Url, Trouble> {
    let page = address(&format!("{index}/{project}/"))?;
    let answer = web.send(web.get(&page).header(ACCEPT, JSON), &page).await?;
    // Links are relative to where the answer really came from.
    let base = answer.url().clone();
    let text = text(answer, &page).await?;
    let link = match serde_json::from_str::<Project>(&text) {
        Ok(listed) => {
            listed.files.into_iter().find(|listed| listed.filename == file).map(|listed| listed.url)
        }
        Err(_) => html_link(&text, file),
    };
    let link = link
        .ok_or_else(|| Trouble::source(Kind::NotThere, format!("{} does not list {file}", shown(&page))))?;
    base.join(&link).map_err(|error| {
        Trouble::source(Kind::Broken, format!("{} gives a wrong address for {file}: {error}", shown(&page)))
    })
}

async fn npm(web: &Web, registry: &str, package: &str, version: &str) -> Result<Url, Trouble> {
    let page = address(&format!("{registry}/{}/{version}", package.replace('/', "%2f")))?;
    let answer = web.send(web.get(&page), &page).await?;
    let text = text(answer, &page).await?;
    let described: Package = serde_json::from_str(&text).map_err(|error| {
        Trouble::source(Kind::Broken, format!("{} is no package document: {error}", shown(&page)))
    })?;
    address(&described.dist.tarball)
}

/// An index's answer. One that is longer than any is none.
async fn text(mut answer: Response, page: &Url) -> Result<String, Trouble> {
    let lost = |error: reqwest::Error| {
        Trouble::source(Kind::Unreachable, format!("{}: {}", shown(page), crate::web::words(&error)))
    };
    let mut bytes = Vec::new();
    while let Some(chunk) = answer.chunk().await.map_err(lost)? {
        bytes.extend_from_slice(&chunk);
        if bytes.len() > LONGEST_ANSWER {
            let reason = format!("{} is longer than {LONGEST_ANSWER} bytes", shown(page));
            return Err(Trouble::source(Kind::Broken, reason));
        }
    }
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// The first link whose last path part is `file`.
fn html_link(page: &str, file: &str) -> Option<String> {
    page.split("href=\"").skip(1).find_map(|rest| {
        let link = rest.split('"').next()?;
        let path = link.split(['#', '?']).next()?;
        (path.rsplit('/').next()? == file).then(|| link.replace("&amp;", "&"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_is_found_in_an_html_index() {
        let page = r#"<a href="../../packages/ab/x-1-py3-none-any.whl#sha256=00">x</a>
            <a href="../../packages/cd/x-2-py3-none-any.whl?a=1&amp;b=2">x</a>"#;
        let link = html_link(page, "x-2-py3-none-any.whl").unwrap();
        assert_eq!(link, "../../packages/cd/x-2-py3-none-any.whl?a=1&b=2");
        assert_eq!(html_link(page, "x-3-py3-none-any.whl"), None);
    }
}
